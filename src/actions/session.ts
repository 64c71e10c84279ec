import { availableParallelism } from "node:os";
import { BuildTrace } from "../explain/build-trace.ts";
import { createHttpClient } from "../fetch/client.ts";
import type { Credentials } from "../fetch/settings.ts";
import type { Digest } from "../layer/digest.ts";
import { createRegistryAccess, type RegistryAccess } from "../registry/access.ts";
import { parseMirrors, parseRegistryHost, type RegistrySettings } from "../registry/settings.ts";
import type { ImagePlaces } from "../solve/image-places.ts";
import type { Workbench } from "../solve/workbench.ts";
import { WorkerPool } from "../solve/worker-pool.ts";
import { openStore, type Store } from "../store/store.ts";
import type { ProjectSettings, SessionSettings } from "./settings.ts";

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
  settings: SessionSettings & {
    readonly noCache?: ProjectSettings["noCache"];
    readonly imagePlaces?: ImagePlaces;
  },
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const store = openedStore(settings);
  const running = await store.running(settings.signal);
  const http: HttpSlot = { env: { ...settings.env } };
  const client = createHttpClient(
    {
      env: http.env,
      credentials: (url) => http.credentials?.(url),
      ...(settings.concurrency !== undefined && { maxConcurrent: settings.concurrency }),
    },
    settings.emit,
  );
  const registries = openedRegistries(settings);
  const pool = new WorkerPool(store, settings.concurrency ?? availableParallelism());
  const lease = store.lease();
  const { emit, signal, env } = settings;
  try {
    const isForgetful = settings.noCache === true;
    const bench = {
      ...{ store, client, registries, pool, lease, emit, signal, env, isForgetful },
      ...{
        describedLayers: new Set<Digest>(),
        openBases: new Map(),
        openContexts: new Map(),
        brokenPlaces: new Set<string>(),
        trace: new BuildTrace(),
      },
      ...(settings.imagePlaces !== undefined && { imagePlaces: settings.imagePlaces }),
    };
    return await work({ bench, http });
  } finally {
    await pool.close();
    lease.release();
    running.release();
    await client.close();
    await registries.close();
    const addedBytes = store.added.bytes + pool.addedBytes;
    if (addedBytes > 0 && !signal.aborted) {
      const { keepStoreBelow } = await import("./store-cap.ts");
      await keepStoreBelow(store, addedBytes, settings);
    }
    store.close();
  }
}

/** What a command works with that only looks at images. */
export type ImageAccess = Pick<Workbench, "store" | "registries" | "emit" | "signal"> & {
  /** For who has read all that it needs: a prune may take what was looked up from then on. */
  release(): void;
};

/** Opens the store and the way to registries, and closes them whatever happens. */
export async function withImages<T>(
  settings: SessionSettings,
  work: (access: ImageAccess) => Promise<T>,
): Promise<T> {
  const registries = openedRegistries(settings);
  const store = openedStore(settings);
  const { emit, signal } = settings;
  const running = await store.running(signal);
  try {
    return await work({ store, registries, emit, signal, release: () => running.release() });
  } finally {
    running.release();
    await registries.close();
    store.close();
  }
}

function openedRegistries(settings: SessionSettings): RegistryAccess {
  const { env, emit, signal } = settings;
  return createRegistryAccess({ env, settings: registrySettings(settings), emit, signal });
}

/** The store, whose mendings are told as warnings. @throws CambiumError `STORE_UNWRITABLE`. */
export function openedStore(settings: Pick<SessionSettings, "storeRoot" | "emit">): Store {
  return openStore(settings.storeRoot, {
    onWarning: (warning) => settings.emit({ type: "warning", ...warning }),
  });
}

/** @throws CambiumError `REGISTRY_MIRROR_SYNTAX`, `REGISTRY_HOST_SYNTAX`. */
function registrySettings({ env, insecureRegistries = [] }: SessionSettings): RegistrySettings {
  const variable = "CAMBIUM_REGISTRY_MIRRORS";
  return {
    insecureHosts: insecureRegistries.map((host) => parseRegistryHost(host, "--registry-insecure")),
    mirrors: parseMirrors(env[variable] ?? "", variable),
  };
}
