// @ts-check
import { tool } from "@openai/agents/realtime";
import { z } from "zod";
import { report } from "./report.js";
import { until } from "./until.js";
import { call } from "./voice_agent.js";

const [url, question] = process.argv.slice(2);
const clock = tool({
  name: "get_time",
  description: "Tells the time.",
  parameters: z.object({ clock: z.enum(["kitchen", "station"]) }),
  execute: async (asked) => {
    report("executed", asked);
    // Whoever must call a tool must do so again and again: from here on it speaks.
    session.transport.sendEvent({ type: "session.update", session: { type: "realtime", tool_choice: "none" } });
    return "It is a quarter past nine.";
  },
});
const { session, microphone, hangUp } = await call(
  url,
  { instructions: "You are a helpful voice assistant. Answer in one or two short sentences.", tools: [clock] },
  { toolChoice: "required" },
);
const spoken = until(session, "agent_end", 2);
microphone.say(question);
await spoken;
hangUp();
