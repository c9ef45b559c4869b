// @ts-check
/** Where the time of an answer went: a bar of its stages, and the same in words. */
import { answered, GOT_READY, STAGES } from "./words.js";

/** @typedef {import("./turns.js").Timing} Timing */

const LONGEST_MS = 1000; // as wide as the words; what took longer is drawn no wider
const SHORTEST_MS = 0.5;

/** @param {Timing} timing */
export function drawWaterfall(timing) {
  const stages = Object.keys(STAGES).filter((stage) => Number(timing[stage]) >= SHORTEST_MS);
  const figure = document.createElement("figure");
  figure.className = "waterfall";
  figure.append(bar(timing, stages), caption(timing, stages));
  return figure;
}

/**
 * @param {Timing} timing
 * @param {string[]} stages
 */
function bar(timing, stages) {
  const element = document.createElement("div");
  element.className = "bar";
  element.ariaHidden = "true"; // the caption says it all
  element.style.width = `${Math.min(100, (timing.total_ms / LONGEST_MS) * 100)}%`;
  for (const stage of stages) {
    const part = document.createElement("i");
    part.className = stage;
    part.style.setProperty("--ms", String(timing[stage]));
    element.append(part);
  }
  return element;
}

/**
 * @param {Timing} timing
 * @param {string[]} stages
 */
function caption(timing, stages) {
  const element = document.createElement("figcaption");
  const total = answered(Math.round(timing.total_ms), timing.endpoint_ms !== null);
  element.append(span("total", `${total}${timing.speculated ? `, ${GOT_READY}` : ""}:`));
  for (const stage of stages) {
    element.append(" ", span(`stage ${stage}`, `${STAGES[stage]} ${Math.round(Number(timing[stage]))}`));
  }
  return element;
}

/**
 * @param {string} className
 * @param {string} text
 */
function span(className, text) {
  const element = document.createElement("span");
  element.className = className;
  element.textContent = text;
  return element;
}
