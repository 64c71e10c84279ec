import { availableParallelism } from "node:os";
import { createHttpClient } from "../fetch/client.ts";
import type { Credentials } from "../fetch/settings.ts";
import type { Digest } from "../layer/digest.ts";
import type { Workbench } from "../solve/workbench.ts";
import { WorkerPool } from "../solve/worker-pool.ts";
import { openStore, type Store } from "../store/store.ts";
import type { SessionSettings } from "./settings.ts";

/**
 * What the index settings of the project say to the HTTP client, which is made before they are read. It looks at `env`
 * at its first request and at `credentials` at each.
 */
export type HttpSlot = {
  env: Record<string, string | undefined>;
  credentials?: (url: URL) => Credentials | undefined;
};

export type Session = { readonly bench: Workbench; readonly http: HttpSlot };

/** Opens what a command works with, and closes it whatever happens. */
export async function withSession<T>(
  settings: SessionSettings & { readonly noCache?: boolean },
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const store = openedStore(settings);
  const http: HttpSlot = { env: { ...settings.env } };
  const client = createHttpClient(
    {
      env: http.env,
      credentials: (url) => http.credentials?.(url),
      ...(settings.concurrency !== undefined && { maxConcurrent: settings.concurrency }),
    },
    settings.emit,
  );
  const pool = new WorkerPool(store, settings.concurrency ?? availableParallelism());
  const lease = store.lease();
  const { emit, signal, env } = settings;
  try {
    const isForgetful = settings.noCache === true;
    const describedLayers = new Set<Digest>();
    const bench = { store, client, pool, lease, emit, signal, env, isForgetful, describedLayers };
    return await work({ bench, http });
  } finally {
    await pool.close();
    lease.release();
    await client.close();
    store.close();
  }
}

/** The store, whose mendings are told as warnings. @throws CambiumError `STORE_UNWRITABLE`. */
export function openedStore(settings: Pick<SessionSettings, "storeRoot" | "emit">): Store {
  return openStore(settings.storeRoot, {
    onWarning: (warning) => settings.emit({ type: "warning", ...warning }),
  });
}
