// @ts-check
import OpenAI from "openai";
import { OpenAIRealtimeWebSocket } from "openai/realtime/websocket";
import { ask, greeted } from "./line.js";
import { PlainWebSocket } from "./plain_sockets.js";

const [url] = process.argv.slice(2);
// What somebody's own server does, which has the key …
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "any key will do" });
const secret = await client.realtime.clientSecrets.create({
  session: { type: "realtime", output_modalities: ["text"], instructions: "Answer in one word." },
});
// … and what the page does that it gives a secret to.
Object.assign(globalThis, { WebSocket: PlainWebSocket });
const visitor = new OpenAI({ baseURL: `${url}/v1`, apiKey: secret.value });
const line = new OpenAIRealtimeWebSocket({ model: "gpt-realtime" }, visitor);
await greeted(line);
await ask(line, "What is the capital of France?");
line.close();
