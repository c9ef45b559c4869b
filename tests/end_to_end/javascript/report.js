// @ts-check
/** What a run tells the test that started it: one JSON object a line. */

/**
 * @param {string} what
 * @param {unknown} value
 */
export function report(what, value) {
  process.stdout.write(`${JSON.stringify({ what, value })}\n`);
}
