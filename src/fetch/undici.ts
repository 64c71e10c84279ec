/**
 * undici without fetch, mocks, caches and WebSocket, which its index loads too: 20 of the 35 ms that every build with a
 * request would wait for. Its version is pinned, and a test makes requests through these files.
 */
import api from "undici/lib/api/index.js";
import Agent from "undici/lib/dispatcher/agent.js";
import Dispatcher from "undici/lib/dispatcher/dispatcher.js";

// As undici's index does: dispatchers get their methods from its parts for requests.
Object.assign(Dispatcher.prototype, api);

export { Agent };
