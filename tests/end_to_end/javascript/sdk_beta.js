// @ts-check
import OpenAI from "openai";
import { OpenAIRealtimeWS } from "openai/beta/realtime/ws";
import { ask, greeted } from "./line.js";
import { plain } from "./plain_sockets.js";
import { until } from "./until.js";

const [url] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "any key will do" });
const line = new OpenAIRealtimeWS({ model: "gpt-4o-realtime-preview", options: plain }, client);
await greeted(line);
line.send({ type: "session.update", session: { modalities: ["text"] } });
await until(line, "session.updated");
await ask(line, "What is the capital of France?");
line.close();
