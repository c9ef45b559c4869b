// @ts-check
/** What every program does with one of the `openai` package's connections. */
import { report } from "./report.js";
import { until } from "./until.js";

/**
 * Report everything that comes, end at the first error, and wait for the greeting.
 * @param {{on: Function}} line
 */
export async function greeted(line) {
  line.on("event", (/** @type {object} */ event) => report("event", event));
  line.on("error", (/** @type {Error} */ error) => {
    report("error", error.message);
    process.exit(1);
  });
  await until(line, "session.created");
}

/**
 * Ask in writing, and wait until all is answered.
 * @param {{on: Function, send: Function}} line
 * @param {string} text
 */
export async function ask(line, text) {
  const answered = until(line, "response.done");
  line.send({
    type: "conversation.item.create",
    item: { type: "message", role: "user", content: [{ type: "input_text", text }] },
  });
  line.send({ type: "response.create" });
  await answered;
}
