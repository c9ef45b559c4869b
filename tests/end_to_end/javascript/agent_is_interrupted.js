// @ts-check
import { until } from "./until.js";
import { call } from "./voice_agent.js";

const [url, question, objection] = process.argv.slice(2);
const { session, microphone, hangUp } = await call(url, {
  instructions: "Tell a very long story about a fox. Never stop.",
});
const speaking = until(session, "audio", 10);
const interrupted = until(session, "audio_interrupted");
const answered = until(session, "agent_end", 2);
microphone.say(question);
await speaking;
microphone.say(objection);
await Promise.all([interrupted, answered]);
hangUp();
