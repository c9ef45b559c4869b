// @ts-check

/**
 * Resolves with what came with the event, when it has come so often or is `enough`.
 * @param {{on: Function}} emitter
 * @param {string} event
 * @param {number | ((...details: any[]) => unknown)} enough
 * @returns {Promise<any>}
 */
export function until(emitter, event, enough = 1) {
  let times = 0;
  return new Promise((resolve) => {
    emitter.on(event, (/** @type {any[]} */ ...details) => {
      times += 1;
      if (typeof enough === "number" ? times === enough : enough(...details)) resolve(details[0]);
    });
  });
}
