// @ts-check
/** The microphone's level as a row of bars: the newest in the middle, travelling outwards. */

const BARS = 31; // odd, so that there is a middle
const QUIETEST_DB = -55;
const LOUDEST_DB = -8;
const CONTRAST = 1.6; // so that the syllables of ordinary speech stand out
const SPOKEN_UPDATE_MS = 1000;

/**
 * How loud it seems, from 0 (silence) to 1.
 * @param {number} rms from 0 to 1
 */
export function loudness(rms) {
  const db = 20 * Math.log10(Math.max(rms, 1e-9));
  const share = (db - QUIETEST_DB) / (LOUDEST_DB - QUIETEST_DB);
  return Math.max(0, Math.min(1, share)) ** CONTRAST;
}

export class Meter {
  #element;
  #bars;
  /** @type {number[]} */
  #recent = new Array((BARS + 1) / 2).fill(0);
  #still = matchMedia("(prefers-reduced-motion: reduce)");
  #spokenAt = 0;

  /** @param {HTMLElement} element with the role of a meter, 0 to 100 */
  constructor(element) {
    this.#element = element;
    this.#bars = Array.from({ length: BARS }, () => document.createElement("i"));
    element.replaceChildren(...this.#bars);
  }

  /** @param {number} level from 0 to 1 */
  show(level) {
    this.#recent = [level, ...this.#recent.slice(0, -1)];
    this.#bars.forEach((bar, index) => bar.style.setProperty("--level", this.#height(index).toFixed(3)));
    if (performance.now() - this.#spokenAt < SPOKEN_UPDATE_MS) return;
    this.#element.ariaValueNow = String(Math.round(level * 100));
    this.#spokenAt = performance.now();
  }

  clear() {
    this.#recent.fill(0);
    this.show(0);
  }

  /** @param {number} index */
  #height(index) {
    // Where motion is unwelcome the row fills from the left like a gauge, instead of travelling.
    if (this.#still.matches) return index / BARS < this.#recent[0] ? 0.5 : 0;
    return this.#recent[Math.abs(index - (BARS - 1) / 2)];
  }
}
