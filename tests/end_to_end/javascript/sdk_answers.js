// @ts-check
import OpenAI from "openai";
import { OpenAIRealtimeWS } from "openai/realtime/ws";
import { greeted } from "./line.js";
import { Microphone } from "./microphone.js";
import { plain } from "./plain_sockets.js";
import { until } from "./until.js";

const [url, question] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "any key will do" });
const line = new OpenAIRealtimeWS({ model: "gpt-realtime", options: plain }, client);
await greeted(line);
line.send({
  type: "session.update",
  session: { type: "realtime", audio: { input: { transcription: { model: "gpt-4o-mini-transcribe" } } } },
});
await until(line, "session.updated");
const microphone = new Microphone((frame) =>
  line.send({ type: "input_audio_buffer.append", audio: frame.toString("base64") }),
);
const understood = until(line, "conversation.item.input_audio_transcription.completed");
const answered = until(line, "response.done");
microphone.say(question);
await Promise.all([understood, answered]);
microphone.close();
line.close();
