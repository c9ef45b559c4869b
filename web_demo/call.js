// @ts-check
/**
 * One conversation with the server, whole: what comes over the line goes into the conversation, and what the
 * conversation asks for is done on the line. No DOM.
 *
 * A call can be started again after it ended. After a lost connection the turns are kept, and the server, which has
 * forgotten them, is told what was said.
 */
import { fromBase64 } from "./base64.js";
import { Conversation } from "./conversation.js";
import { Line } from "./line.js";
import { heardText } from "./turns.js";

/** @typedef {"idle" | "starting" | "lost" | import("./conversation.js").Activity} CallState */
/**
 * @typedef {object} CallListener
 * @property {() => void} onChange the state, a turn or a figure is not what it was
 * @property {(who: "microphone" | "speaker", level: number) => void} onLevel
 * @property {(text: string) => void} onTold the server reported an error; the call goes on
 * @property {(error: Error) => void} onTrouble the call could not start, or is over
 */

const REMEMBERED_TURNS = 40;

export class Call {
  #listener;
  #conversation = new Conversation();
  /** @type {"idle" | "starting" | "live" | "lost"} */
  #phase = "idle";
  /** @type {Line | null} */
  #line = null;
  #stoppedSpeakingAt = 0;

  /** Of the latest start; read-only for everyone else. */
  figures = noFigures();

  /** @param {CallListener} listener */
  constructor(listener) {
    this.#listener = listener;
  }

  /** @returns {CallState} */
  get state() {
    return this.#phase === "live" ? this.#conversation.activity : this.#phase;
  }

  get turns() {
    return this.#conversation.turns.shown;
  }

  /**
   * Take up the conversation; what goes wrong is told to the listener.
   * @param {{model: string, key: string}} options
   */
  async start(options) {
    if (this.#phase === "idle") this.#conversation = new Conversation();
    this.figures = noFigures();
    const line = (this.#line = this.#newLine());
    this.#enter("starting");
    try {
      await line.open({ ...options, said: this.#said() });
      if (this.#line === line) this.#enter("live");
    } catch (error) {
      if (this.#line === line) this.#fail(/** @type {Error} */ (error));
    }
  }

  /** End the conversation. What was said stays to be read. */
  stop() {
    this.#end("idle");
  }

  #newLine() {
    return new Line(
      {
        onEvent: (event) => this.#receive(event),
        onVoice: (level) => {
          this.figures.chunksSent += 1;
          this.#listener.onLevel("microphone", level);
        },
        onLost: (error) => this.#fail(error),
      },
      {
        onStarted: (itemId, delayMs) => this.#playbackStarted(itemId, delayMs),
        onFinished: (itemId) => {
          this.#conversation.playbackFinished(itemId);
          this.#listener.onChange();
        },
        onProgress: ({ played, underruns, loudest, level, gain }) => {
          Object.assign(this.figures, { samplesPlayed: played, underruns, loudestSample: loudest, gain });
          this.#listener.onLevel("speaker", level);
        },
      },
    );
  }

  /** @param {import("./conversation.js").ServerEvent} event */
  #receive(event) {
    if (event.type === "input_audio_buffer.speech_stopped") this.#stoppedSpeakingAt = performance.now();
    if (event.type === "input_audio_buffer.speech_started") this.#stoppedSpeakingAt = 0;
    for (const effect of this.#conversation.receive(event)) this.#perform(effect);
    this.#listener.onChange();
  }

  /** @param {import("./conversation.js").Effect} effect */
  #perform(effect) {
    if (effect.do === "play") this.#line?.play(effect.itemId, fromBase64(effect.audio));
    if (effect.do === "end") this.#line?.end(effect.itemId);
    if (effect.do === "duck") this.#line?.duck(effect.ducked);
    if (effect.do === "interrupt") void this.#interrupt();
    if (effect.do === "tell") this.#listener.onTold(effect.text);
  }

  async #interrupt() {
    for (const cut of (await this.#line?.interrupt()) ?? []) {
      this.#conversation.playbackCut(cut.itemId, cut.share);
      this.figures.lastTruncate = { itemId: cut.itemId, audioEndMs: cut.audioEndMs };
    }
    this.#listener.onChange();
  }

  /**
   * @param {string} itemId
   * @param {number} delayMs
   */
  #playbackStarted(itemId, delayMs) {
    this.#conversation.playbackStarted(itemId);
    if (this.#stoppedSpeakingAt > 0) {
      this.figures.answerLatencyMs = Math.round(performance.now() + delayMs - this.#stoppedSpeakingAt);
      this.#stoppedSpeakingAt = 0;
    }
    this.#listener.onChange();
  }

  /** @returns {import("./session.js").Said[]} */
  #said() {
    const said = this.turns.map((turn) => ({ id: turn.id, role: turn.role, text: heardText(turn) }));
    return said.filter(({ text }) => text).slice(-REMEMBERED_TURNS);
  }

  /** @param {Error} error */
  #fail(error) {
    this.#end(this.turns.length > 0 || this.#phase === "live" ? "lost" : "idle");
    this.#listener.onTrouble(error);
  }

  /** @param {"idle" | "lost"} phase */
  #end(phase) {
    this.#line?.close();
    this.#line = null;
    this.#stoppedSpeakingAt = 0;
    this.#conversation.breakOff();
    this.#enter(phase);
  }

  /** @param {"idle" | "starting" | "live" | "lost"} phase */
  #enter(phase) {
    this.#phase = phase;
    this.#listener.onChange();
  }
}

function noFigures() {
  return {
    chunksSent: 0,
    samplesPlayed: 0,
    loudestSample: 0,
    underruns: 0,
    gain: 1, // less while somebody may be interrupting
    /** @type {number | null} from the server's "you stopped speaking" to the first sound of the answer */
    answerLatencyMs: null,
    /** @type {{itemId: string, audioEndMs: number} | null} */
    lastTruncate: null,
  };
}
