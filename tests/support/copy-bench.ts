import { createHttpClient } from "../../src/fetch/client.ts";
import type { RegistryAccess } from "../../src/registry/access.ts";
import type { LayerBench } from "../../src/solve/lazy-layers.ts";
import type { CopyBench } from "../../src/solve/steps/copy-step.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/** A store of its own with all that copies need: no registry, since every layer is there already. */
export function copyBench(): CopyBench & LayerBench & { readonly store: Store } & AsyncDisposable {
  const folder = temporaryFolder();
  const store = openStore(folder.path);
  const lease = store.lease();
  const emit = () => undefined;
  const client = createHttpClient({ env: {}, retries: 0 }, emit);
  const registries: Partial<RegistryAccess> = {};
  return {
    ...{ store, lease, client, emit, registries: registries as RegistryAccess },
    signal: new AbortController().signal,
    env: process.env,
    [Symbol.asyncDispose]: async () => {
      await client.close();
      lease.release();
      store.close();
      folder[Symbol.dispose]();
    },
  };
}
