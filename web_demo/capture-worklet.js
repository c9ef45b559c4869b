// @ts-check
/**
 * The microphone's samples, on the audio thread: from whatever rate the sound card has to the rate on the wire, as
 * 16-bit chunks. Each message is `{pcm: Int16Array, level: number}`, the level being the chunk's RMS from 0 to 1.
 */
import { Resampler } from "./resampler.js";

class Capture extends AudioWorkletProcessor {
  #resampler;
  #chunk;
  #filled = 0;
  #energy = 0;

  /** @param {{processorOptions: {rateHz: number, chunkSamples: number}}} options */
  constructor({ processorOptions }) {
    super();
    this.#resampler = new Resampler(sampleRate, processorOptions.rateHz);
    // Int16Array has the machine's byte order; every machine that runs a browser is little-endian, as the wire is.
    this.#chunk = new Int16Array(processorOptions.chunkSamples);
  }

  /** @param {Float32Array[][]} inputs */
  process(inputs) {
    const [mono] = inputs[0];
    if (mono) for (const sample of this.#resampler.push(mono)) this.#take(sample);
    return true;
  }

  /** @param {number} sample */
  #take(sample) {
    const bounded = Math.max(-1, Math.min(1, sample));
    this.#chunk[this.#filled] = Math.round(bounded * 32767);
    this.#energy += bounded * bounded;
    this.#filled += 1;
    if (this.#filled === this.#chunk.length) this.#post();
  }

  #post() {
    const pcm = this.#chunk.slice();
    this.port.postMessage({ pcm, level: Math.sqrt(this.#energy / pcm.length) }, [pcm.buffer]);
    this.#filled = 0;
    this.#energy = 0;
  }
}

registerProcessor("capture", Capture);
