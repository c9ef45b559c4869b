// @ts-check
/** OpenAI's client speaks to nobody but over TLS, so a server without it is reached by putting plain sockets beneath. */
import { connect } from "node:net";
import { WebSocket } from "ws";

/** For clients that open a `ws` WebSocket, and take its options. */
export const plain = {
  createConnection: (/** @type {any} */ { host, port }) => connect({ host, port }),
};

/** For clients that open the platform's own WebSocket, as a browser has it: no headers, only subprotocols. */
export class PlainWebSocket extends WebSocket {
  /**
   * @param {string} url
   * @param {string[]} protocols
   */
  constructor(url, protocols) {
    super(url.replace("wss:", "ws:"), protocols);
  }
}
