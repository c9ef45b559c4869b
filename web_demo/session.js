// @ts-check
/** The client's side of the Realtime protocol: one WebSocket, events in and out. No sound, no DOM. */
import { toBase64 } from "./base64.js";

/** @typedef {import("./conversation.js").ServerEvent} ServerEvent */
/** @typedef {{onEvent: (event: ServerEvent) => void, onLost: (error: Disconnected) => void}} SessionListener */
/** @typedef {{id: string, role: "user" | "assistant", text: string}} Said something to remind the server of */

const PCM = { type: "audio/pcm", rate: 24000 };
const SETTINGS = {
  type: "realtime",
  output_modalities: ["audio"],
  include: ["response.timing"],
  audio: {
    input: {
      format: PCM,
      transcription: { model: "whisper-1" },
      turn_detection: { type: "server_vad", barge_in: "confirmed" },
    },
    output: { format: PCM },
  },
};

const ANSWER_PATIENCE_MS = 10_000;
// Words spoken while the connection is being made are kept: up to five seconds of 30 ms chunks.
const KEPT_CHUNKS = 167;
// Ten seconds of audio that nobody takes: the network is gone, though no one has told the socket yet.
const STUCK_BYTES = 640_000;

/** The connection could not be made, or is over. */
export class Disconnected extends Error {
  /**
   * @param {{code?: number, reason?: string, opened: boolean}} facts the close code and reason, if there were any, and
   *   whether the server had answered before
   */
  constructor({ code = 1006, reason = "", opened }) {
    super(reason || `closed with code ${code}`);
    this.reason = reason;
    this.opened = opened;
  }
}

export class Session {
  #listener;
  /** @type {WebSocket | null} */
  #socket = null;
  #ready = false;
  /** @type {Int16Array[]} */
  #kept = [];

  /** @param {SessionListener} listener */
  constructor(listener) {
    this.#listener = listener;
  }

  /**
   * Connect, say how we want to talk and what has been said before.
   * @param {{model: string, key: string, said: Said[]}} options
   * @returns {Promise<void>} when the server has answered
   * @throws {Disconnected}
   */
  open({ model, key, said }) {
    const protocols = key ? ["realtime", `openai-insecure-api-key.${key}`] : ["realtime"];
    const socket = new WebSocket(address(model), protocols);
    this.#socket = socket;
    return new Promise((resolve, reject) => {
      const lose = (/** @type {{code?: number, reason?: string}} */ { code, reason }) => {
        const error = new Disconnected({ code, reason, opened: this.#ready });
        this.close();
        if (error.opened) this.#listener.onLost(error);
        else reject(error);
      };
      const alarm = setTimeout(() => lose({}), ANSWER_PATIENCE_MS);
      socket.onclose = (event) => {
        clearTimeout(alarm);
        lose(event);
      };
      socket.onmessage = ({ data }) => {
        const event = JSON.parse(data);
        if (event.type === "session.created") {
          clearTimeout(alarm);
          this.#greet(said);
          resolve();
        }
        this.#listener.onEvent(event);
      };
    });
  }

  /** @param {Int16Array} pcm */
  sendAudio(pcm) {
    if (!this.#ready) {
      this.#kept = [...this.#kept, pcm].slice(-KEPT_CHUNKS);
      return;
    }
    const bytes = new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength);
    this.#send({ type: "input_audio_buffer.append", audio: toBase64(bytes) });
    if (this.#socket && this.#socket.bufferedAmount > STUCK_BYTES) this.#giveUp();
  }

  /**
   * Tell the server how much of an answer was heard.
   * @param {string} itemId
   * @param {number} audioEndMs
   */
  truncate(itemId, audioEndMs) {
    this.#send({ type: "conversation.item.truncate", item_id: itemId, content_index: 0, audio_end_ms: audioEndMs });
  }

  /** Nothing is told to the listener from here on. */
  close() {
    this.#ready = false;
    if (!this.#socket) return;
    this.#socket.onclose = this.#socket.onmessage = null;
    this.#socket.close();
    this.#socket = null;
  }

  /** @param {Said[]} said */
  #greet(said) {
    this.#ready = true;
    this.#send({ type: "session.update", session: SETTINGS });
    for (const turn of said) this.#send({ type: "conversation.item.create", item: messageItem(turn) });
    for (const pcm of this.#kept.splice(0)) this.sendAudio(pcm);
  }

  /** @param {object} event */
  #send(event) {
    if (this.#ready) this.#socket?.send(JSON.stringify(event));
  }

  #giveUp() {
    this.#socket?.onclose?.(new CloseEvent("close", { code: 1006 }));
  }
}

/** @param {Said} said */
function messageItem({ id, role, text }) {
  const type = role === "user" ? "input_text" : "output_text";
  return { id, type: "message", role, content: [{ type, text }] };
}

/**
 * Relative to the page, so that it also holds behind a proxy that adds a path.
 * @param {string} model
 */
function address(model) {
  const url = new URL("v1/realtime", location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.searchParams.set("model", model);
  return url;
}
