// @ts-check
/** The user's voice as 24 kHz 16-bit chunks. */

const RATE_HZ = 24000;
const CHUNK_SAMPLES = 720; // 30 ms: short enough not to be felt, long enough not to be wasteful on the wire
const CONSTRAINTS = {
  audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true },
};

/** The browser hides microphones altogether from a page that did not come over a secure connection. */
export class InsecureOrigin extends Error {}

/** Unplugged, or taken away by the operating system, in the middle of a conversation. */
export class MicrophoneGone extends Error {}

/** @returns {boolean} whether this page may ask for a microphone at all */
export function canAskForMicrophone() {
  return window.isSecureContext && Boolean(navigator.mediaDevices?.getUserMedia);
}

/**
 * @typedef {object} MicrophoneListener
 * @property {(pcm: Int16Array, level: number) => void} onChunk the level is the chunk's RMS, from 0 to 1
 * @property {(error: MicrophoneGone) => void} onGone
 */

export class Microphone {
  #stream;
  #context;
  /** @type {AudioWorkletNode | null} */
  #capture = null;

  /** @throws {InsecureOrigin} where asking would be in vain */
  static require() {
    if (!canAskForMicrophone()) throw new InsecureOrigin("getUserMedia is not available");
  }

  /**
   * Ask the user, and start.
   * @param {MicrophoneListener} listener
   */
  static async open({ onChunk, onGone }) {
    const stream = await navigator.mediaDevices.getUserMedia(CONSTRAINTS);
    const microphone = new Microphone(stream, new AudioContext({ latencyHint: "interactive" }));
    try {
      await microphone.#start(onChunk);
    } catch (error) {
      microphone.close();
      throw error;
    }
    stream.getAudioTracks()[0].addEventListener("ended", () => onGone(new MicrophoneGone("the track ended")));
    return microphone;
  }

  /**
   * @param {MediaStream} stream
   * @param {AudioContext} context
   */
  constructor(stream, context) {
    this.#stream = stream;
    this.#context = context;
  }

  /** Nothing is told to the listener from here on. */
  close() {
    if (this.#capture) this.#capture.port.onmessage = null;
    for (const track of this.#stream.getTracks()) track.stop();
    void this.#context.close();
  }

  /** @param {(pcm: Int16Array, level: number) => void} onChunk */
  async #start(onChunk) {
    const context = this.#context;
    await context.audioWorklet.addModule(new URL("capture-worklet.js", import.meta.url));
    const capture = new AudioWorkletNode(context, "capture", {
      channelCount: 1,
      channelCountMode: "explicit",
      processorOptions: { rateHz: RATE_HZ, chunkSamples: CHUNK_SAMPLES },
    });
    this.#capture = capture;
    capture.port.onmessage = ({ data }) => onChunk(data.pcm, data.level);
    // Some browsers run a node only if it leads to the destination; this one puts out silence.
    context.createMediaStreamSource(this.#stream).connect(capture).connect(context.destination);
    await context.resume();
  }
}
