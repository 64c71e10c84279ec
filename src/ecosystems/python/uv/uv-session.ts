import { join } from "node:path";
import type { Emit } from "../../../events.ts";
import { type CredentialBook, createCredentialBook } from "../index/credentials.ts";
import type { IndexSettings } from "../index/index-settings.ts";
import type { UvSession } from "./uv.ts";
import { findUv } from "./uv-tool.ts";

/** What resolving needs from the machine, given by who starts a build. */
export type ResolveTools = {
  /** The caller's environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Root of the store: uv, its cache and its short-lived folders are below it. */
  readonly storeRoot: string;
  /** The store's lock between processes. */
  readonly exclusive: <T>(name: string, work: () => Promise<T>) => Promise<T>;
  readonly emit: Emit;
  readonly signal?: AbortSignal | undefined;
  /** Path of an interpreter for a machine without one; asked only there. */
  readonly fallbackInterpreter?: () => Promise<string>;
  /** What answers for the settings' credentials; absent: made of the settings alone, without `.netrc` and keyring. */
  readonly credentials?: CredentialBook;
};

/**
 * Finds (or fetches) uv and puts together what its runs share.
 * @throws CambiumError as `findUv`.
 */
export async function openUvSession(tools: ResolveTools, settings: IndexSettings): Promise<UvSession> {
  const tool = await findUv({
    env: tools.env,
    toolsDir: join(tools.storeRoot, "tools"),
    exclusive: tools.exclusive,
    signal: tools.signal,
    ...(tools.fallbackInterpreter === undefined ? {} : { fallbackInterpreter: tools.fallbackInterpreter }),
    onFetch: (version) =>
      tools.emit({ type: "notice", message: `fetching uv ${version} by pip into the store` }),
  });
  return {
    tool,
    env: tools.env,
    cacheDir: join(tools.storeRoot, "tools", "uv-cache"),
    temporaryDir: join(tools.storeRoot, "tmp"),
    settings,
    credentials: tools.credentials ?? createCredentialBook({ urls: settings.credentials, netrc: [] }),
    signal: tools.signal,
  };
}
