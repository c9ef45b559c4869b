// @ts-check
/** Everything the page says to its reader, in one place. */
import { InsecureOrigin, MicrophoneGone } from "./microphone.js";
import { Disconnected } from "./session.js";

/** @type {Record<import("./call.js").CallState, {button: string, status: string, hint: string}>} */
export const STATES = {
  idle: { button: "Start", status: "Ready", hint: "Press the button and speak." },
  starting: { button: "Cancel", status: "Connecting", hint: "Your browser may ask for the microphone." },
  listening: { button: "End", status: "Listening", hint: "Go ahead, speak." },
  hearing: { button: "End", status: "Hearing you", hint: "Pause when you have finished." },
  thinking: { button: "End", status: "Thinking", hint: "One moment." },
  speaking: { button: "End", status: "Speaking", hint: "Talk over it, and it stops." },
  lost: { button: "Resume", status: "Not connected", hint: "Press Resume to carry on." },
};

/** What an answer's time was spent on, in its order, by the server's names. @type {Record<string, string>} */
export const STAGES = {
  endpoint_ms: "your silence",
  transcription_ms: "understanding",
  queueing_ms: "waiting in line",
  first_token_ms: "thinking",
  first_sentence_ms: "first words",
  first_sound_ms: "voice",
  send_ms: "sending",
};
export const GOT_READY = "got ready while you were silent";

/**
 * @param {number} ms
 * @param {boolean} afterSpeech or after the answer was asked for
 */
export function answered(ms, afterSpeech) {
  return afterSpeech ? `Answered ${ms} ms after your last sound` : `Answered in ${ms} ms`;
}

export const SILENT_MICROPHONE = "Nothing is coming from the microphone. Is it muted?";
export const NAMES = { user: "You", assistant: "Answer" };
export const NOT_UNDERSTOOD = "not understood";
export const INTERRUPTED = "interrupted";

/** @typedef {{title: string, advice: string}} Notice */

const PRESS_AGAIN = "then press the button again.";

/** @type {Record<string, Notice>} by the name of the browser's error */
const MICROPHONE_TROUBLES = {
  NotAllowedError: {
    title: "The microphone was refused",
    advice: `Allow the microphone for this page (the icon beside the address shows the choice), ${PRESS_AGAIN}`,
  },
  NotFoundError: {
    title: "No microphone was found",
    advice: `Plug one in or switch it on, ${PRESS_AGAIN}`,
  },
  NotReadableError: {
    title: "The microphone is not available",
    advice: `Another program may be using it. Close that program, ${PRESS_AGAIN}`,
  },
};

const INSECURE = {
  title: "The microphone needs a secure address",
  advice:
    "Browsers give the microphone only to pages opened over https, or from this machine as http://localhost. " +
    "Open this page at such an address.",
};

const UNPLUGGED = {
  title: "The microphone is gone",
  advice: "It was unplugged or switched off. Connect it, and press the button to carry on.",
};

const BAD_KEY = {
  title: "The access key cannot be sent",
  advice: `Check it under “Options” for stray characters, ${PRESS_AGAIN}`,
};

/**
 * What happened, and what to do about it.
 * @param {Error} error
 * @returns {Notice}
 */
export function describeTrouble(error) {
  if (error instanceof InsecureOrigin) return INSECURE;
  if (error instanceof MicrophoneGone) return UNPLUGGED;
  if (error instanceof Disconnected) return describeDisconnection(error);
  if (error instanceof DOMException && error.name in MICROPHONE_TROUBLES) return MICROPHONE_TROUBLES[error.name];
  if (error instanceof DOMException && error.name === "SyntaxError") {
    return BAD_KEY;
  }
  return { title: "Something went wrong", advice: `${error.message || error.name} Press the button to try again.` };
}

/** @returns {Notice} */
export function insecureOriginNotice() {
  return INSECURE;
}

/**
 * @param {string} message the server's own words
 * @returns {Notice}
 */
export function describeServerError(message) {
  return { title: "The server reported a problem", advice: message };
}

/**
 * @param {Disconnected} error
 * @returns {Notice}
 */
function describeDisconnection({ opened, reason }) {
  const cause = reason ? `The server says: “${reason}” ` : "";
  if (opened) {
    return { title: "The connection was lost", advice: `${cause}Press the button to carry on where you were.` };
  }
  return {
    title: "No connection to the server",
    advice: `${cause}Check that it is running, ${PRESS_AGAIN} If it wants an access key, enter it under “Options”.`,
  };
}
