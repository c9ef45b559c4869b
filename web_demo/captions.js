// @ts-check
/** The conversation's words on the page: one list item a turn, updated in place. */
import { heardText } from "./turns.js";
import { drawWaterfall } from "./waterfall.js";
import { INTERRUPTED, NAMES, NOT_UNDERSTOOD } from "./words.js";

/** @typedef {import("./turns.js").Turn} Turn */

const NEAR_END_PX = 120;
const ANNOUNCEMENTS_KEPT = 4;

export class Captions {
  #list;
  #scroller;
  #announcer;
  #following = true; // the reader is at the end, and wants to stay there
  /** @type {Map<string, {element: HTMLLIElement, shown: string, announced: boolean, timed: boolean}>} */
  #lines = new Map();

  /**
   * @param {HTMLElement} list what is seen; it changes with every word, so it is no live region
   * @param {HTMLElement} announcer the live region, which gets each turn once, when it is complete
   */
  constructor(list, announcer) {
    this.#list = list;
    this.#announcer = announcer;
    const scroller = /** @type {HTMLElement} */ (list.parentElement);
    this.#scroller = scroller;
    scroller.addEventListener("scroll", () => {
      this.#following = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR_END_PX;
    });
    new ResizeObserver(() => this.#follow()).observe(scroller);
  }

  /** @param {Turn[]} turns */
  show(turns) {
    this.#dropAllBut(new Set(turns.map((turn) => turn.id)));
    turns.forEach((turn, index) => {
      const element = this.#line(turn);
      if (this.#list.children[index] !== element) this.#list.insertBefore(element, this.#list.children[index]);
    });
    this.#follow();
  }

  #follow() {
    if (this.#following) this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }

  /** @param {Set<string>} ids */
  #dropAllBut(ids) {
    for (const [id, { element }] of this.#lines) {
      if (ids.has(id)) continue;
      element.remove();
      this.#lines.delete(id);
    }
    if (ids.size === 0) this.#announcer.replaceChildren();
  }

  /** @param {Turn} turn */
  #line(turn) {
    const line = this.#lines.get(turn.id) ?? { element: emptyLine(turn), shown: "", announced: false, timed: false };
    this.#lines.set(turn.id, line);
    const shown = `${turn.complete} ${turn.heardLength} ${turn.text}`;
    if (shown !== line.shown) fill(line.element, turn);
    line.shown = shown;
    if (turn.timing && !line.timed) line.element.append(drawWaterfall(turn.timing));
    line.timed = turn.timing !== null;
    if (turn.complete && turn.text && !line.announced) {
      this.#announce(turn);
      line.announced = true;
    }
    return line.element;
  }

  /** @param {Turn} turn */
  #announce(turn) {
    const paragraph = document.createElement("p");
    const cut = turn.heardLength === null ? "" : ` (${INTERRUPTED})`;
    paragraph.textContent = `${nameOf(turn)}: ${heardText(turn)}${cut}`;
    this.#announcer.append(paragraph);
    if (this.#announcer.children.length > ANNOUNCEMENTS_KEPT) this.#announcer.firstElementChild?.remove();
  }
}

/** @param {Turn} turn */
function nameOf(turn) {
  return turn.role === "user" ? NAMES.user : NAMES.assistant;
}

/** @param {Turn} turn */
function emptyLine(turn) {
  const element = document.createElement("li");
  element.className = `turn ${turn.role}`;
  element.append(textElement("span", "name", nameOf(turn)), document.createElement("p"));
  return element;
}

/**
 * @param {HTMLLIElement} element
 * @param {Turn} turn
 */
function fill(element, turn) {
  const paragraph = /** @type {HTMLParagraphElement} */ (element.querySelector("p"));
  paragraph.replaceChildren(...wordsOf(turn));
  element.classList.toggle("pending", !turn.complete && !turn.text);
  element.classList.toggle("cut", turn.heardLength !== null);
}

/**
 * @param {Turn} turn
 * @returns {(Node | string)[]}
 */
function wordsOf(turn) {
  if (turn.complete && !turn.text) return [textElement("em", "aside", NOT_UNDERSTOOD)];
  if (turn.heardLength === null) return [turn.text];
  const dash = textElement("span", "dash", "—");
  const unheard = textElement("span", "unheard", turn.text.slice(turn.heardLength));
  unheard.ariaHidden = "true";
  return [heardText(turn), dash, textElement("span", "for-ears", ` (${INTERRUPTED})`), unheard];
}

/**
 * @param {string} tag
 * @param {string} className
 * @param {string} text
 */
function textElement(tag, className, text) {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}
