// @ts-check
/** The answer's voice: plays chunks as they come and knows how much of each item has been heard. */

/** @typedef {import("./playback-queue.js").Heard} Heard */
/** @typedef {{played: number, underruns: number, loudest: number, level: number, gain: number}} Progress */
/**
 * @typedef {object} SpeakerListener
 * @property {(itemId: string, delayMs: number) => void} onStarted the item's first sample leaves for the sound card,
 *   which will make it audible `delayMs` later
 * @property {(itemId: string) => void} onFinished the item's last sample has left
 * @property {(progress: Progress) => void} onProgress
 */

const RATE_HZ = 24000; // the wire's rate: the browser converts to the sound card's, gap-free
const CUSHION_SAMPLES = RATE_HZ * 0.06;
const FLUSH_PATIENCE_MS = 250;
// While somebody may be interrupting: -18 dB, within 20 ms so that it does not click.
const DUCKED_GAIN = 0.125;
const FADE_S = 0.02;

export class Speaker {
  #context;
  #node;
  #loudness;
  #listener;
  /** @type {((heard: Heard[]) => void)[]} */
  #flushes = [];

  /** @param {SpeakerListener} listener */
  static async open(listener) {
    const context = new AudioContext({ sampleRate: RATE_HZ, latencyHint: "interactive" });
    try {
      await context.audioWorklet.addModule(new URL("playback-worklet.js", import.meta.url));
      await context.resume();
      return new Speaker(context, listener);
    } catch (error) {
      void context.close();
      throw error;
    }
  }

  /**
   * @param {AudioContext} context
   * @param {SpeakerListener} listener
   */
  constructor(context, listener) {
    this.#context = context;
    this.#listener = listener;
    this.#node = new AudioWorkletNode(context, "playback", {
      numberOfInputs: 0,
      outputChannelCount: [1],
      processorOptions: { cushionSamples: CUSHION_SAMPLES },
    });
    this.#node.port.onmessage = ({ data }) => this.#hear(data);
    this.#loudness = new GainNode(context);
    this.#node.connect(this.#loudness).connect(context.destination);
  }

  /**
   * @param {string} itemId
   * @param {Uint8Array<ArrayBuffer>} bytes 16-bit little-endian samples
   */
  play(itemId, bytes) {
    const pcm = new Int16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 1);
    this.#node.port.postMessage({ do: "play", itemId, pcm }, [pcm.buffer]);
  }

  /** @param {string} itemId */
  end(itemId) {
    this.#node.port.postMessage({ do: "end", itemId });
  }

  /**
   * Speak softly, or as before.
   * @param {boolean} ducked
   */
  duck(ducked) {
    const { gain } = this.#loudness;
    const now = this.#context.currentTime;
    gain.cancelScheduledValues(now);
    gain.setValueAtTime(gain.value, now);
    gain.linearRampToValueAtTime(ducked ? DUCKED_GAIN : 1, now + FADE_S);
  }

  /**
   * Fall silent at once; what is played next is as loud as ever.
   * @returns {Promise<Heard[]>} of each item that is cut, how much was heard; samples already on their way to the
   *   sound card count as heard, because they will be
   */
  flush() {
    return new Promise((resolve) => {
      this.duck(false);
      this.#flushes.push(resolve);
      // A suspended audio thread answers nobody; the conversation must go on all the same.
      setTimeout(() => resolve([]), FLUSH_PATIENCE_MS);
      this.#node.port.postMessage({ do: "flush" });
    });
  }

  /** Nothing is told to the listener from here on. */
  close() {
    this.#node.port.onmessage = null;
    void this.#context.close();
  }

  static toMs(/** @type {number} */ samples) {
    return Math.floor((samples * 1000) / RATE_HZ);
  }

  /** @param {any} message */
  #hear(message) {
    if (message.tell === "started") this.#listener.onStarted(message.itemId, this.#delayMs());
    if (message.tell === "finished") this.#listener.onFinished(message.itemId);
    if (message.tell === "progress") {
      this.#listener.onProgress({ ...message, gain: this.#loudness.gain.value });
    }
    // One answer for each order, in their order; one that nobody waits for any more goes nowhere.
    if (message.tell === "flushed") this.#flushes.shift()?.(message.heard);
  }

  #delayMs() {
    return (this.#context.outputLatency || this.#context.baseLatency || 0) * 1000;
  }
}
