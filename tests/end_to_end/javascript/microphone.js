// @ts-check
/** A microphone that stays open, at the pace of real time: silence, until there is something to say. */
import { readFileSync } from "node:fs";

const FRAME_MS = 20;
const FRAME_BYTES = 24 * 2 * FRAME_MS; // pcm16 at 24 kHz

export class Microphone {
  #send;
  #waiting = Buffer.alloc(0);
  #openedAt = performance.now();
  #sentMs = 0;
  #timer = setInterval(() => this.#catchUp(), FRAME_MS);

  /** @param {(frame: Buffer) => void} send */
  constructor(send) {
    this.#send = send;
  }

  /** @param {string} path a file of pcm16 at 24 kHz */
  say(path) {
    this.#waiting = Buffer.concat([this.#waiting, readFileSync(path)]);
  }

  close() {
    clearInterval(this.#timer);
  }

  #catchUp() {
    for (; this.#openedAt + this.#sentMs < performance.now(); this.#sentMs += FRAME_MS) {
      const frame = Buffer.alloc(FRAME_BYTES);
      this.#waiting.copy(frame);
      this.#waiting = this.#waiting.subarray(FRAME_BYTES);
      this.#send(frame);
    }
  }
}
