// @ts-check
/**
 * The answer's samples between the wire and the loudspeaker, counted exactly. Used on the audio thread, but plain
 * enough to run anywhere.
 *
 * Sound starts when a small cushion has gathered (or the item turns out to be shorter, or the cushion's time has
 * passed), and again so after running dry. A stop fades within a few milliseconds, a start from rest likewise: a
 * waveform that is cut square clicks.
 */

const FADE_IN_SAMPLES = 72;
const FADE_OUT_PER_SAMPLE = 0.97;
const INAUDIBLE = 1e-4;

/**
 * @typedef {{itemId: string, played: number, received: number}} Heard samples of an item
 * @typedef {{itemId: string, chunks: Int16Array[], offset: number, played: number, received: number, waited: number,
 *   ended: boolean, dry: boolean}} Item
 */

export class PlaybackQueue {
  /** Samples played since the beginning, of all items. */
  played = 0;
  /** Times that an item ran dry in its middle: gaps that could be heard. */
  underruns = 0;
  /** The largest magnitude played so far, from 0 to 1. */
  loudest = 0;
  /** @type {Item[]} */
  #items = [];
  #cushion;
  #running = false;
  #fadeIn = 0;
  #last = 0;

  /** @param {number} cushionSamples */
  constructor(cushionSamples) {
    this.#cushion = cushionSamples;
  }

  /**
   * @param {string} itemId
   * @param {Int16Array} pcm
   */
  push(itemId, pcm) {
    if (pcm.length === 0) return;
    let item = this.#items.at(-1);
    if (item?.itemId !== itemId) {
      if (item) item.ended = true; // the next item has begun, so nothing more belongs to the one before
      item = { itemId, chunks: [], offset: 0, played: 0, received: 0, waited: 0, ended: false, dry: false };
      this.#items.push(item);
    }
    if (item.dry) this.underruns += 1; // only now is it known that the silence was not the end
    item.dry = false;
    item.chunks.push(pcm);
    item.received += pcm.length;
  }

  /** @param {string} itemId an item that has been received whole */
  end(itemId) {
    const item = this.#items.find((candidate) => candidate.itemId === itemId);
    if (item) item.ended = true;
  }

  /**
   * Forget everything that has not been played.
   * @returns {Heard[]} how much was heard of the items that are cut
   */
  flush() {
    const cut = this.#items.filter((item) => item.chunks.length > 0 || !item.ended);
    this.#items = [];
    this.#running = false;
    return cut.map(({ itemId, played, received }) => ({ itemId, played, received }));
  }

  /**
   * Fill one block.
   * @param {Float32Array} out
   * @returns {{started: string[], finished: string[]}} items whose first sample, or last, is in this block
   */
  render(out) {
    /** @type {{started: string[], finished: string[]}} */
    const news = { started: [], finished: [] };
    let filled = 0;
    while (filled < out.length && this.#mayPlay(out.length)) {
      const item = this.#items[0];
      if (item.chunks.length > 0) {
        if (item.played === 0) news.started.push(item.itemId);
        filled += this.#copy(item, out, filled);
      } else if (item.ended) {
        news.finished.push(item.itemId);
        this.#items.shift();
      } else {
        item.dry = true;
        item.waited = 0;
        this.#running = false;
      }
    }
    this.#fadeOut(out, filled);
    return news;
  }

  /** @param {number} blockSamples */
  #mayPlay(blockSamples) {
    const item = this.#items[0];
    if (!item) this.#running = false;
    if (!item || this.#running) return this.#running;
    if (item.chunks.length === 0 && !item.ended) return false;
    const enough = item.received - item.played >= this.#cushion;
    this.#running = enough || item.ended || item.waited >= this.#cushion;
    item.waited += blockSamples;
    this.#fadeIn = 0;
    return this.#running;
  }

  /**
   * @param {Item} item
   * @param {Float32Array} out
   * @param {number} at
   */
  #copy(item, out, at) {
    const chunk = item.chunks[0];
    const count = Math.min(out.length - at, chunk.length - item.offset);
    for (let index = 0; index < count; index += 1) {
      this.#fadeIn = Math.min(1, this.#fadeIn + 1 / FADE_IN_SAMPLES);
      const sample = (chunk[item.offset + index] / 32768) * this.#fadeIn;
      out[at + index] = sample;
      this.loudest = Math.max(this.loudest, Math.abs(sample));
    }
    this.#last = out[at + count - 1];
    item.offset += count;
    item.played += count;
    this.played += count;
    if (item.offset === chunk.length) {
      item.chunks.shift();
      item.offset = 0;
    }
    return count;
  }

  /**
   * @param {Float32Array} out
   * @param {number} from
   */
  #fadeOut(out, from) {
    for (let index = from; index < out.length; index += 1) {
      this.#last = Math.abs(this.#last) < INAUDIBLE ? 0 : this.#last * FADE_OUT_PER_SAMPLE;
      out[index] = this.#last;
    }
  }
}
