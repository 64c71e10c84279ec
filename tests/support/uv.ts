import { dirname, join } from "node:path";
import type { ResolveTools } from "../../src/ecosystems/python/uv/uv-session.ts";
import { findUv, type UvTool } from "../../src/ecosystems/python/uv/uv-tool.ts";
import { openStore } from "../../src/store/store.ts";

const cache = join(import.meta.dirname, "..", "..", ".cache");

let found: Promise<UvTool> | undefined;

/** A real uv: from PATH, or fetched once by pip as the library does, and kept between runs of the tests. */
export function realUv(): Promise<UvTool> {
  found ??= (async () => {
    const store = openStore(join(cache, "uv-store"));
    try {
      const exclusive = store.exclusive.bind(store);
      // What the tools step of `npm run check` has put there goes first.
      const env = { ...process.env, PATH: `${join(cache, "tools", "bin")}:${process.env.PATH}` };
      return await findUv({ env, toolsDir: join(cache, "uv-store", "tools"), exclusive });
    } finally {
      store.close();
    }
  })();
  return found;
}

/**
 * Tools for resolving in a store of the test's own, with uv on PATH and none of the host's index settings.
 * `env` is added last.
 */
export async function resolveTools(
  storeRoot: string,
  env: Readonly<Record<string, string>> = {},
): Promise<ResolveTools & { readonly events: unknown[] }> {
  const uv = await realUv();
  const events: unknown[] = [];
  return {
    env: { PATH: `${dirname(uv.path)}:${process.env.PATH}`, HOME: storeRoot, ...env },
    storeRoot,
    exclusive: (_, work) => work(),
    emit: (event) => events.push(event),
    events,
  };
}
