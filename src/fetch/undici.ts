/**
 * undici without fetch, mocks, caches and WebSocket, which its index loads too: these parts load in 26 ms, the
 * whole in 53 (Node 24, compiled code cached), and every build with a request waits for it. Its version is pinned, and a test makes requests through these files.
 */
import api from "undici/lib/api/index.js";
import Agent from "undici/lib/dispatcher/agent.js";
import Dispatcher from "undici/lib/dispatcher/dispatcher.js";

// As undici's index does: dispatchers get their methods from its parts for requests.
Object.assign(Dispatcher.prototype, api);

export { Agent };
