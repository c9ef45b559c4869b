// @ts-check
/**
 * What the server's events mean for this page: whose turn it is, whose words are whose, which audio is to be heard.
 *
 * Pure: events and playback reports go in, effects come out; no socket, no sound, no clock, no DOM. A response that
 * was talked over is dead from that moment: whatever still arrives of it is ignored up to its `response.done`.
 */
import { Turns } from "./turns.js";

/** @typedef {Record<string, any> & {type: string}} ServerEvent */
/** @typedef {"listening" | "hearing" | "thinking" | "speaking"} Activity */
/**
 * @typedef {{do: "play", itemId: string, audio: string} | {do: "end", itemId: string} | {do: "interrupt"}
 *   | {do: "duck", ducked: boolean} | {do: "tell", text: string}} Effect
 */

export class Conversation {
  turns = new Turns();
  #userSpeaks = false;
  #answerDue = false;
  /** @type {Map<string, Set<string>>} responses in progress, with the ids of their spoken items */
  #responses = new Map();
  /** @type {Set<string>} responses that were talked over */
  #dead = new Set();
  /** @type {Map<string, "queued" | "sounding">} */
  #voiced = new Map();

  /** @returns {Activity} */
  get activity() {
    if (this.#userSpeaks) return "hearing";
    if ([...this.#voiced.values()].includes("sounding")) return "speaking";
    if (this.#answerDue || this.#responses.size > 0 || this.#voiced.size > 0) return "thinking";
    return "listening";
  }

  /**
   * @param {ServerEvent} event
   * @returns {Effect[]}
   */
  receive(event) {
    if (event.type.startsWith("response.")) return this.#receiveAnswer(event);
    if (event.type.startsWith("conversation.item.")) return this.#receiveItem(event);
    switch (event.type) {
      case "input_audio_buffer.speech_started":
        this.#userSpeaks = true;
        this.#answerDue = false;
        return this.#interrupt();
      case "input_audio_buffer.speech_stopped":
        this.#userSpeaks = false;
        this.#answerDue = true;
        return [];
      case "input_audio_buffer.committed":
        this.turns.place(event.item_id, "user", event.previous_item_id);
        return [];
      case "error":
        this.#answerDue = false;
        return [{ do: "tell", text: event.error?.message ?? "The server reported an error without saying which." }];
    }
    return [];
  }

  /** The connection is gone, and with it everything that was under way. What was said stays. */
  breakOff() {
    this.#userSpeaks = this.#answerDue = false;
    this.#responses.clear();
    this.#dead.clear();
    this.#voiced.clear();
    for (const turn of this.turns.shown) {
      if (turn.role === "assistant" && !turn.played && turn.heardLength === null) this.turns.cut(turn.id, 1);
      turn.complete = true;
    }
  }

  /** @param {string} itemId */
  playbackStarted(itemId) {
    if (this.#voiced.has(itemId)) this.#voiced.set(itemId, "sounding");
  }

  /** @param {string} itemId */
  playbackFinished(itemId) {
    this.#voiced.delete(itemId);
    const turn = this.turns.find(itemId);
    if (turn) turn.played = true;
  }

  /**
   * @param {string} itemId
   * @param {number} share how much was heard of what had come, from 0 to 1
   */
  playbackCut(itemId, share) {
    this.turns.cut(itemId, share);
  }

  /**
   * @param {ServerEvent} event
   * @returns {Effect[]}
   */
  #receiveItem(event) {
    switch (event.type) {
      case "conversation.item.added":
      case "conversation.item.created":
        this.#place(event.item, event.previous_item_id);
        break;
      case "conversation.item.deleted":
        this.turns.remove(event.item_id);
        break;
      case "conversation.item.input_audio_transcription.delta":
        this.turns.at(event.item_id, "user").text += event.delta ?? "";
        break;
      case "conversation.item.input_audio_transcription.completed":
        this.#understand(event.item_id, event.transcript);
        break;
      case "conversation.item.input_audio_transcription.failed":
        this.#understand(event.item_id, "");
        break;
    }
    return [];
  }

  /**
   * @param {{id: string, type: string, role?: string}} item
   * @param {string | null | undefined} previousId
   */
  #place({ id, type, role }, previousId) {
    const spoken = type === "message" && (role === "user" || role === "assistant");
    this.turns.place(id, spoken ? role : "other", previousId);
  }

  /**
   * @param {string} itemId
   * @param {string} transcript
   */
  #understand(itemId, transcript) {
    Object.assign(this.turns.at(itemId, "user"), { text: transcript.trim(), complete: true });
    if (!transcript.trim()) this.#answerDue = false; // a cough: the server may well leave it unanswered
  }

  /**
   * @param {ServerEvent} event
   * @returns {Effect[]}
   */
  #receiveAnswer(event) {
    if (event.type === "response.created") this.#begin(event.response.id);
    if (event.type === "response.done") return this.#finish(event.response);
    if (event.type === "response.output_audio.ducked") return [{ do: "duck", ducked: true }];
    if (event.type === "response.output_audio.resumed") return [{ do: "duck", ducked: false }];
    if (this.#dead.has(event.response_id)) return [];
    switch (event.type) {
      case "response.output_audio.delta":
        this.#responses.get(event.response_id)?.add(event.item_id);
        if (!this.#voiced.has(event.item_id)) this.#voiced.set(event.item_id, "queued");
        return [{ do: "play", itemId: event.item_id, audio: event.delta }];
      case "response.output_audio.done":
        return [{ do: "end", itemId: event.item_id }];
      case "response.output_audio_transcript.delta":
        this.#responses.get(event.response_id)?.add(event.item_id);
        this.turns.at(event.item_id, "assistant").text += event.delta;
        return [];
      case "response.output_audio_transcript.done":
        Object.assign(this.turns.at(event.item_id, "assistant"), { text: event.transcript, complete: true });
        return [];
      case "response.timing":
        this.turns.at(event.item_id, "assistant").timing = event.timing;
        return [];
    }
    return [];
  }

  /** @param {string} responseId */
  #begin(responseId) {
    this.#answerDue = false;
    this.#responses.set(responseId, new Set());
  }

  /**
   * @param {{id: string, status: string, status_details?: any}} response
   * @returns {Effect[]}
   */
  #finish({ id, status, status_details: details }) {
    const itemIds = [...(this.#responses.get(id) ?? [])];
    /** @type {Effect[]} */
    const effects = status === "cancelled" && !this.#dead.has(id) ? this.#interrupt() : [];
    this.#responses.delete(id);
    this.#dead.delete(id);
    for (const itemId of itemIds) {
      const turn = this.turns.find(itemId);
      if (status === "cancelled" && turn && !turn.played && turn.heardLength === null) this.turns.cut(itemId, 0);
      if (turn) turn.complete = true;
      effects.push({ do: "end", itemId });
    }
    if (status === "failed") {
      effects.push({ do: "tell", text: details?.error?.message ?? "The answer failed; please ask again." });
    }
    return effects;
  }

  /** @returns {Effect[]} */
  #interrupt() {
    for (const responseId of this.#responses.keys()) this.#dead.add(responseId);
    this.#voiced.clear();
    return [{ do: "interrupt" }];
  }
}
