// @ts-check
/**
 * The loudspeaker's end of the playback queue, on the audio thread.
 *
 * It is told `{do: "play", itemId, pcm}`, `{do: "end", itemId}` and `{do: "flush"}`, and tells
 * `{tell: "started" | "finished", itemId}`, `{tell: "flushed", heard}` and, many times a second while there is sound,
 * `{tell: "progress", played, underruns, loudest, level}`.
 */
import { PlaybackQueue } from "./playback-queue.js";

const PROGRESS_BLOCKS = 8; // 43 ms: often enough to move with the voice

class Playback extends AudioWorkletProcessor {
  #queue;
  #reported = 0;
  #blocks = 0;
  #energy = 0;

  /** @param {{processorOptions: {cushionSamples: number}}} options */
  constructor({ processorOptions }) {
    super();
    this.#queue = new PlaybackQueue(processorOptions.cushionSamples);
    this.port.onmessage = ({ data }) => this.#obey(data);
  }

  /** @param {{do: string, itemId: string, pcm: Int16Array}} order */
  #obey(order) {
    if (order.do === "play") this.#queue.push(order.itemId, order.pcm);
    if (order.do === "end") this.#queue.end(order.itemId);
    if (order.do === "flush") {
      this.port.postMessage({ tell: "flushed", heard: this.#queue.flush() });
      this.#progress();
    }
  }

  /**
   * @param {Float32Array[][]} _inputs
   * @param {Float32Array[][]} outputs
   */
  process(_inputs, outputs) {
    const [out] = outputs[0];
    const { started, finished } = this.#queue.render(out);
    for (const itemId of started) this.port.postMessage({ tell: "started", itemId });
    for (const sample of out) this.#energy += sample * sample;
    this.#blocks += 1;
    if (this.#blocks === PROGRESS_BLOCKS || finished.length > 0) this.#progress();
    for (const itemId of finished) this.port.postMessage({ tell: "finished", itemId });
    return true;
  }

  #progress() {
    const { played, underruns, loudest } = this.#queue;
    const level = Math.sqrt(this.#energy / (Math.max(1, this.#blocks) * 128));
    if (played !== this.#reported) this.port.postMessage({ tell: "progress", played, underruns, loudest, level });
    this.#reported = played;
    this.#blocks = 0;
    this.#energy = 0;
  }
}

registerProcessor("playback", Playback);
