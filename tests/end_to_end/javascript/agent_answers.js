// @ts-check
import { until } from "./until.js";
import { call } from "./voice_agent.js";

const [url, question] = process.argv.slice(2);
const { session, microphone, hangUp } = await call(url, { instructions: "Answer in one short sentence." });
const answered = until(session, "agent_end");
const transcribed = until(session, "history_updated", (history) => history[0]?.content?.[0]?.transcript);
microphone.say(question);
await Promise.all([answered, transcribed]);
hangUp();
