// @ts-check
/** The page: one button, and what the call has to show. Only this module, captions and meter know the DOM. */
import { Call } from "./call.js";
import { Captions } from "./captions.js";
import { loudness, Meter } from "./meter.js";
import { canAskForMicrophone } from "./microphone.js";
import { SILENT_MICROPHONE, STATES, describeServerError, describeTrouble, insecureOriginNotice } from "./words.js";

const DEFAULT_MODEL = "realtime";
const MAX_NOTICES = 3;
const SILENCE_SUSPECT_CHUNKS = 133; // 4 s

const page = {
  button: find("button"),
  buttonWord: find("button-word"),
  status: find("status"),
  hint: find("hint"),
  phase: find("phase"),
  figures: find("figures"),
  notices: find("notices"),
  key: /** @type {HTMLInputElement} */ (find("key")),
  model: /** @type {HTMLInputElement} */ (find("model")),
};
const captions = new Captions(find("captions"), find("announcer"));
const meter = new Meter(find("meter"));
const call = new Call({
  onChange: render,
  onLevel: showLevel,
  onTold: (text) => notify(describeServerError(text)),
  onTrouble: (error) => notify(describeTrouble(error)),
});
let deadSilentChunks = 0; // microphone chunks of nothing but zeros since the call began; a live microphone has none

/** @param {string} id */
function find(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

function press() {
  if (call.state === "idle" || call.state === "lost") {
    page.notices.replaceChildren();
    deadSilentChunks = 0;
    void call.start({ model: page.model.value.trim() || DEFAULT_MODEL, key: page.key.value.trim() });
  } else {
    call.stop();
  }
}

function render() {
  const { state, turns } = call;
  const words = STATES[state];
  const { body } = document;
  if (body.dataset.state !== state && (state === "idle" || state === "lost")) stillMeters();
  body.dataset.state = state;
  body.dataset.scene = turns.length === 0 ? "welcome" : "talk";
  setText(page.buttonWord, words.button);
  setText(page.status, words.status);
  const suspect = state === "listening" && deadSilentChunks > SILENCE_SUSPECT_CHUNKS;
  setText(page.hint, suspect ? SILENT_MICROPHONE : words.hint);
  setText(page.phase, phaseInWords(state));
  setText(page.figures, figuresInWords());
  captions.show(turns);
}

/**
 * Live regions speak whenever they are written to, even with the same words.
 * @param {HTMLElement} element
 * @param {string} text
 */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * For screen readers: connected or not. Who is speaking can be heard, and saying it would disturb the conversation.
 * @param {import("./call.js").CallState} state
 */
function phaseInWords(state) {
  const coarse = state === "idle" || state === "starting" || state === "lost" ? state : "listening";
  return `${STATES[coarse].status}. ${STATES[coarse].hint}`;
}

function figuresInWords() {
  const { answerLatencyMs, underruns } = call.figures;
  const parts = [];
  if (answerLatencyMs !== null) parts.push(`answered in ${answerLatencyMs} ms`);
  if (underruns > 0) parts.push(underruns === 1 ? "1 gap in the sound" : `${underruns} gaps in the sound`);
  return parts.join(" · ");
}

/**
 * @param {"microphone" | "speaker"} who
 * @param {number} level
 */
function showLevel(who, level) {
  if (who === "microphone") {
    meter.show(loudness(level));
    deadSilentChunks = level === 0 ? deadSilentChunks + 1 : -Infinity;
    if (deadSilentChunks === SILENCE_SUSPECT_CHUNKS + 1) render();
  }
  const heard = (who === "speaker") === (call.state === "speaking");
  if (heard) page.button.style.setProperty("--level", loudness(level).toFixed(3));
}

function stillMeters() {
  meter.clear();
  page.button.style.setProperty("--level", "0");
}

/** @param {import("./words.js").Notice} notice */
function notify({ title, advice }) {
  const card = document.createElement("div");
  card.className = "notice";
  const heading = document.createElement("strong");
  heading.textContent = title;
  const text = document.createElement("p");
  text.textContent = advice;
  const dismiss = document.createElement("button");
  dismiss.type = "button";
  dismiss.textContent = "Dismiss";
  dismiss.addEventListener("click", () => {
    card.remove();
    page.button.focus();
  });
  card.append(heading, text, dismiss);
  page.notices.append(card);
  while (page.notices.children.length > MAX_NOTICES) page.notices.firstElementChild?.remove();
}

function readFragment() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  page.key.value = fragment.get("key") ?? page.key.value;
  page.model.value = fragment.get("model") ?? page.model.value;
}

/**
 * For automated tests only: what they may look at. Nothing here can be set, and nothing on the page reads it.
 * `state` is one of the keys of STATES in words.js; `counters` is a copy of the call's figures.
 */
Object.defineProperty(window, "realtimeDemo", {
  value: Object.freeze({
    get state() {
      return call.state;
    },
    get counters() {
      return structuredClone(call.figures);
    },
  }),
});

readFragment();
addEventListener("hashchange", readFragment);
page.button.addEventListener("click", press);
addEventListener("pagehide", () => call.stop());
if (!canAskForMicrophone()) notify(insecureOriginNotice());
render();
