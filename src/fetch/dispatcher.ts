import type { SecureContext } from "node:tls";
import type { Dispatcher } from "undici";
import { usageError } from "../errors.ts";
import { isLoopback } from "./loopback.ts";
import { redactUrl } from "./redact.ts";
import type { HttpSettings } from "./settings.ts";

type Env = HttpSettings["env"];

/** Connections kept open, one set per kind of URL; made at the first request of that kind. */
export type Dispatchers = { for(url: URL): Promise<Dispatcher>; close(): Promise<void> };

export type ConnectionSettings = {
  readonly connections: number;
  readonly idleTimeoutMs: number;
  readonly acceptsAnyCertificate?: boolean;
};

const CONNECT_TIMEOUT_MS = 10_000;

/** undici with what the environment says of proxies and certificates. Loaded at the first request: most builds make none. */
export function createDispatchers(env: Env, settings: ConnectionSettings): Dispatchers {
  const made = new Map<string, Promise<Dispatcher>>();
  return {
    for(url) {
      // No proxy reaches this machine's own loopback.
      const isDirect = isLoopback(url.hostname);
      const kind = `${url.protocol} ${isDirect}`;
      let dispatcher = made.get(kind);
      if (dispatcher === undefined) {
        dispatcher = create(url.protocol, isDirect, env, settings);
        made.set(kind, dispatcher);
      }
      return dispatcher;
    },
    async close() {
      const all = [...made.values()];
      made.clear();
      for (const dispatcher of await Promise.allSettled(all)) {
        if (dispatcher.status === "fulfilled") await dispatcher.value.destroy();
      }
    },
  };
}

async function create(
  protocol: string,
  isDirect: boolean,
  env: Env,
  settings: ConnectionSettings,
): Promise<Dispatcher> {
  const { Agent } = await import("./undici.ts");
  const tls = protocol === "https:" ? await tlsOptions(env, settings.acceptsAnyCertificate === true) : {};
  const options = {
    connections: settings.connections,
    headersTimeout: settings.idleTimeoutMs,
    bodyTimeout: settings.idleTimeoutMs,
    // One stream per connection: cancelling one of several HTTP/2 streams can stall the others.
    allowH2: false,
    connect: { timeout: CONNECT_TIMEOUT_MS, ...tls },
  };
  const proxy = isDirect ? undefined : proxyFor(protocol, env);
  if (proxy === undefined) return new Agent(options);
  const { default: EnvHttpProxyAgent } = await import("undici/lib/dispatcher/env-http-proxy-agent.js");
  return new EnvHttpProxyAgent({
    ...options,
    requestTls: tls,
    proxyTls: tls,
    // Both, since undici would look into process.env for the one that is missing.
    httpProxy: proxy,
    httpsProxy: proxy,
    noProxy: env.no_proxy ?? env.NO_PROXY ?? "",
  });
}

/** @throws CambiumError `PROXY_INVALID`. */
function proxyFor(protocol: string, env: Env): string | undefined {
  const specific =
    protocol === "https:" ? (env.https_proxy ?? env.HTTPS_PROXY) : (env.http_proxy ?? env.HTTP_PROXY);
  const value = specific ?? env.all_proxy ?? env.ALL_PROXY;
  if (value === undefined || value === "") return undefined;
  const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`;
  if (URL.canParse(url) && /^(https?|socks5h?):$/.test(new URL(url).protocol)) return url;
  throw usageError(
    "PROXY_INVALID",
    `the proxy of the environment is not a URL that can be used: ${redactUrl(value)}`,
    "Set HTTP_PROXY and HTTPS_PROXY to http://host:port, or unset them.",
  );
}

/** node:tls alone takes 20 ms to load, which a build without a request must not pay. */
async function tlsOptions(
  env: Env,
  acceptsAnyCertificate: boolean,
): Promise<{ secureContext?: SecureContext; rejectUnauthorized?: false }> {
  if (acceptsAnyCertificate) return { rejectUnauthorized: false };
  const { secureContextFrom } = await import("./certificates.ts");
  const secureContext = secureContextFrom(env);
  return secureContext === undefined ? {} : { secureContext };
}
