// @ts-check
/** The line to the server: microphone and speaker at this end, the session between. Opened once, closed once. */
import { Microphone } from "./microphone.js";
import { Session } from "./session.js";
import { Speaker } from "./speaker.js";

/**
 * @typedef {object} LineListener
 * @property {(event: import("./conversation.js").ServerEvent) => void} onEvent
 * @property {(level: number) => void} onVoice a chunk of the user's voice was taken, this loud (RMS)
 * @property {(error: Error) => void} onLost the connection or the microphone is gone
 */
/** @typedef {{itemId: string, audioEndMs: number, share: number}} Cut how much of what had come was heard, 0 to 1 */

export class Line {
  #session;
  #listener;
  #speakerListener;
  /** @type {Speaker | null} */
  #speaker = null;
  /** @type {{close: () => void}[]} */
  #parts = [];
  #closed = false;

  /**
   * @param {LineListener} listener
   * @param {import("./speaker.js").SpeakerListener} speakerListener
   */
  constructor(listener, speakerListener) {
    this.#listener = listener;
    this.#speakerListener = speakerListener;
    this.#session = this.#keep(new Session({ onEvent: listener.onEvent, onLost: listener.onLost }));
  }

  /**
   * From the permission prompt to the server's first event. The microphone comes first, so that what is said while
   * the connection is being made is not lost.
   * @param {{model: string, key: string, said: import("./session.js").Said[]}} options
   */
  async open(options) {
    Microphone.require();
    this.#speaker = this.#keep(await Speaker.open(this.#speakerListener));
    if (this.#closed) return;
    this.#keep(await Microphone.open({ onChunk: this.#take.bind(this), onGone: this.#listener.onLost }));
    if (this.#closed) return;
    await this.#session.open(options);
  }

  /** Nothing is told to the listeners from here on. */
  close() {
    this.#closed = true;
    for (const part of this.#parts.splice(0).reverse()) part.close();
  }

  /**
   * @param {string} itemId
   * @param {Uint8Array<ArrayBuffer>} bytes
   */
  play(itemId, bytes) {
    this.#speaker?.play(itemId, bytes);
  }

  /** @param {string} itemId */
  end(itemId) {
    this.#speaker?.end(itemId);
  }

  /**
   * Speak softly, or as before.
   * @param {boolean} ducked
   */
  duck(ducked) {
    this.#speaker?.duck(ducked);
  }

  /**
   * Fall silent at once, and tell the server how much was heard.
   * @returns {Promise<Cut[]>}
   */
  async interrupt() {
    const heard = (await this.#speaker?.flush()) ?? [];
    return heard.map(({ itemId, played, received }) => {
      const audioEndMs = Speaker.toMs(played);
      this.#session.truncate(itemId, audioEndMs);
      return { itemId, audioEndMs, share: played / received };
    });
  }

  /**
   * Hold on to a part until the line is closed; if that was while the part was being opened, it is closed at once.
   * @template {{close: () => void}} Part
   * @param {Part} part
   */
  #keep(part) {
    if (this.#closed) part.close();
    else this.#parts.push(part);
    return part;
  }

  /**
   * @param {Int16Array} pcm
   * @param {number} level
   */
  #take(pcm, level) {
    this.#session.sendAudio(pcm);
    this.#listener.onVoice(level);
  }
}
