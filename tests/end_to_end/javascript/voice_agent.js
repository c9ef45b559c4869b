// @ts-check
/** A voice agent of the Agents SDK with nothing but a URL changed, and a microphone. */
import { RealtimeAgent, RealtimeSession } from "@openai/agents/realtime";
import { Microphone } from "./microphone.js";
import { report } from "./report.js";

/**
 * @param {string} url
 * @param {object} agent
 * @param {object} [config]
 */
export async function call(url, agent, config) {
  const session = new RealtimeSession(new RealtimeAgent({ name: "Anna", ...agent }), {
    transport: "websocket",
    config,
  });
  reportAll(session);
  await session.connect({ apiKey: "any key will do", url: `${url}/v1/realtime` });
  const microphone = new Microphone((frame) => session.sendAudio(new Uint8Array(frame).buffer));
  const hangUp = () => {
    microphone.close();
    report("history", session.history);
    session.close();
  };
  return { session, microphone, hangUp };
}

/** @param {RealtimeSession} session */
function reportAll(session) {
  const { transport } = session;
  session.on("error", (error) => {
    report("error", error);
    process.exit(1);
  });
  session.on("audio_interrupted", () => report("audio_interrupted", null));
  transport.on("*", (event) => {
    report("event", event);
    // The SDK passes an event on under its own name at once, if its schema reads it; if not, it forgets it silently.
    let understood = false;
    transport.once(event.type, () => (understood = true));
    queueMicrotask(() => understood || report("not understood", event.type));
  });
}
