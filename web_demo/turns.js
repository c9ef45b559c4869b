// @ts-check
/**
 * Who said what, in the conversation's order. The user's words may become known after the answer to them has begun,
 * so a turn's place comes from the server's item order and never from the time its text arrived.
 */

/** @typedef {Record<string, number | null> & {total_ms: number, speculated: boolean}} Timing as the server tells it */
/**
 * @typedef {"user" | "assistant" | "other"} Role `other` items (tool calls, …) are not shown but hold a place
 * @typedef {object} Turn
 * @property {string} id
 * @property {Role} role
 * @property {string} text
 * @property {boolean} complete no more text will come
 * @property {boolean} played the voice reached the end
 * @property {number | null} heardLength where a cut-off answer stopped, in characters of its text
 * @property {Timing | null} timing where the time went until the answer was heard
 * @typedef {Turn & {role: "user" | "assistant"}} ShownTurn
 */

export class Turns {
  /** @type {Turn[]} */
  #turns = [];

  /** @returns {ShownTurn[]} an answer is shown from its first word on */
  get shown() {
    return this.#turns.filter(
      /** @returns {turn is ShownTurn} */
      (turn) => turn.role === "user" || (turn.role === "assistant" && turn.text !== ""),
    );
  }

  /** @param {string} id */
  find(id) {
    return this.#turns.find((turn) => turn.id === id);
  }

  /**
   * The turn with this id; made, at the end, if it is new.
   * @param {string} id
   * @param {Role} role
   * @returns {Turn}
   */
  at(id, role) {
    const known = this.find(id);
    if (known) return known;
    const turn = { id, role, text: "", complete: false, played: false, heardLength: null, timing: null };
    this.#turns.push(turn);
    return turn;
  }

  /**
   * Put the turn where the server says it belongs.
   * @param {string} id
   * @param {Role} role
   * @param {string | null | undefined} previousId
   */
  place(id, role, previousId) {
    const turn = this.at(id, role);
    if (!previousId || !this.find(previousId)) return turn;
    this.remove(id);
    this.#turns.splice(this.#turns.findIndex((other) => other.id === previousId) + 1, 0, turn);
    return turn;
  }

  /** @param {string} id */
  remove(id) {
    this.#turns = this.#turns.filter((turn) => turn.id !== id);
  }

  /**
   * Note that an answer was cut off after this share of what had been received of it.
   * @param {string} id
   * @param {number} share from 0 to 1
   */
  cut(id, share) {
    const turn = this.find(id);
    if (!turn) return;
    turn.complete = true;
    turn.heardLength = endOfWord(turn.text, Math.round(share * turn.text.length));
  }
}

/**
 * The text of a turn as it was heard.
 * @param {Pick<Turn, "text" | "heardLength">} turn
 */
export function heardText({ text, heardLength }) {
  return text.slice(0, heardLength ?? undefined).trim();
}

/**
 * Where the word that `position` falls into ends; voice and text match only roughly, and half words look like errors.
 * @param {string} text
 * @param {number} position
 */
function endOfWord(text, position) {
  if (position === 0) return 0;
  const rest = text.slice(position).search(/\s|$/);
  return position + rest;
}
