// @ts-check
/**
 * Change the rate of a stream of samples: a polyphase filter (Kaiser-windowed sinc) that remembers where it was, so
 * that blocks join without a click.
 *
 * The rates are reduced to a fraction up/down. Output sample n lies at input time n * down / up; its fractional part
 * can take only `up` values, so one row of coefficients for each is worked out beforehand.
 */

// 80 dB of stop-band attenuation, and a transition band of 1.8 kHz around 0.95 of the lower Nyquist rate.
const KAISER_BETA = 8;
const ZERO_CROSSINGS = 32;
const CUTOFF = 0.95;

export class Resampler {
  #up;
  #down;
  #reach; // input samples on each side of an output sample that contribute to it
  #rows;
  #held; // input not yet done with: the reach behind the next output sample, and what is ahead of it
  #phase = 0; // numerator of the fractional part of the next output sample's input time

  /**
   * @param {number} fromHz
   * @param {number} toHz
   */
  constructor(fromHz, toHz) {
    const divisor = greatestCommonDivisor(Math.round(fromHz), Math.round(toHz));
    this.#up = Math.round(toHz) / divisor;
    this.#down = Math.round(fromHz) / divisor;
    const cutoff = CUTOFF * Math.min(1, this.#up / this.#down);
    this.#reach = Math.ceil(ZERO_CROSSINGS / cutoff);
    this.#rows = Array.from({ length: this.#up }, (_, phase) => row(phase / this.#up, cutoff, this.#reach));
    this.#held = new Float32Array(this.#reach - 1); // silence before the first sample
  }

  /**
   * The output that the samples so far determine.
   * @param {Float32Array} samples
   * @returns {Float32Array}
   */
  push(samples) {
    if (this.#up === this.#down) return samples;
    const input = joined(this.#held, samples);
    const taps = 2 * this.#reach;
    const output = new Float32Array(Math.ceil((Math.max(0, input.length - taps + 1) * this.#up) / this.#down) + 1);
    let start = 0;
    let count = 0;
    while (start + taps <= input.length) {
      output[count] = weighted(input, start, this.#rows[this.#phase]);
      count += 1;
      this.#phase += this.#down;
      start += Math.floor(this.#phase / this.#up);
      this.#phase %= this.#up;
    }
    this.#held = input.slice(start); // a step is far shorter than the filter, so `start` is never past the end
    return output.subarray(0, count);
  }
}

/**
 * The filter's coefficients for an output sample that lies `fraction` of a sample after an input sample.
 * @param {number} fraction
 * @param {number} cutoff as a share of the input's Nyquist rate
 * @param {number} reach
 */
function row(fraction, cutoff, reach) {
  const coefficients = new Float32Array(2 * reach);
  let sum = 0;
  for (let tap = 0; tap < coefficients.length; tap += 1) {
    const distance = tap - (reach - 1) - fraction;
    coefficients[tap] = sinc(distance * cutoff) * kaiser(distance / reach);
    sum += coefficients[tap];
  }
  return coefficients.map((coefficient) => coefficient / sum);
}

/** @param {number} x */
function sinc(x) {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

/** @param {number} x from -1 to 1 */
function kaiser(x) {
  return Math.abs(x) > 1 ? 0 : bessel(KAISER_BETA * Math.sqrt(1 - x * x)) / bessel(KAISER_BETA);
}

/**
 * The modified Bessel function of order zero, by its power series.
 * @param {number} x
 */
function bessel(x) {
  let term = 1;
  let sum = 1;
  for (let k = 1; term > sum * 1e-9; k += 1) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

/**
 * @param {Float32Array} input
 * @param {number} start
 * @param {Float32Array} coefficients
 */
function weighted(input, start, coefficients) {
  let sum = 0;
  for (let tap = 0; tap < coefficients.length; tap += 1) sum += input[start + tap] * coefficients[tap];
  return sum;
}

/**
 * @param {Float32Array} head
 * @param {Float32Array} tail
 */
function joined(head, tail) {
  const whole = new Float32Array(head.length + tail.length);
  whole.set(head);
  whole.set(tail, head.length);
  return whole;
}

/**
 * @param {number} a
 * @param {number} b
 * @returns {number}
 */
function greatestCommonDivisor(a, b) {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
