import type { MountSnapshot } from "../../cache/mount-snapshot.ts";
import { CambiumError, messageOf } from "../../errors.ts";
import { type MountName, Mounts, type MountUse, mountName } from "../../store/mounts.ts";
import { fetchLayer } from "../lazy-layers.ts";
import type { Workbench } from "../workbench.ts";

/** Where snapshots of cache mounts are looked for: asked only for a mount that a step needs and that has no content. */
export interface MountRemotes {
  /** The newest one; it is noted where its layers are (`noteOrigin`, `noteLayout`). None of its bytes need be here. */
  find(use: MountUse): Promise<MountSnapshot | undefined>;
}

/** A snapshot whose layers are in the store, and the milliseconds that it took. */
export type FetchedSnapshot = { readonly snapshot: MountSnapshot; readonly ms: number };

type Bench = Pick<Workbench, "store" | "registries" | "lease" | "emit" | "signal">;

/** Snapshots for the mounts of one build, each asked for once. A cache can only help: what fails is a warning. */
export class MountSnapshots {
  readonly #remotes: MountRemotes;
  readonly #bench: Bench;
  readonly #found = new Map<MountName, Promise<FetchedSnapshot | undefined>>();

  constructor(remotes: MountRemotes, bench: Bench) {
    this.#remotes = remotes;
    this.#bench = bench;
  }

  /**
   * What a mount without content can be made of; undefined where it has content, or nobody has a snapshot of it. Before
   * the mount is locked, since it may take its time.
   * @throws the signal's reason.
   */
  async fetch(use: MountUse): Promise<FetchedSnapshot | undefined> {
    const name = mountName(use);
    if (!new Mounts(this.#bench.store).isCold(name)) return undefined;
    const found = this.#found.get(name) ?? this.#fetched(name, use);
    this.#found.set(name, found);
    return found;
  }

  /** It could not be used: another step that needs it need not try. */
  reject(use: MountUse, error: unknown): void {
    this.#bench.signal.throwIfAborted();
    this.#found.set(mountName(use), Promise.resolve(undefined));
    warnOfRestore(use.id, error, this.#bench.emit);
  }

  async #fetched(name: MountName, use: MountUse): Promise<FetchedSnapshot | undefined> {
    const { store, lease, signal, emit } = this.#bench;
    const began = performance.now();
    try {
      const snapshot = await this.#remotes.find(use);
      if (snapshot === undefined) return undefined;
      if (snapshot.name !== name) throw anothers(snapshot, use);
      lease.protect(snapshot.layers.map(({ descriptor }) => descriptor.digest));
      for (const layer of snapshot.layers) {
        await fetchLayer(layer, this.#bench);
        if (!store.blobs.has(layer.descriptor.digest)) throw nowhere(layer.descriptor.digest);
      }
      return { snapshot, ms: Math.round(performance.now() - began) };
    } catch (error) {
      signal.throwIfAborted();
      warnOfRestore(use.id, error, emit);
      return undefined;
    }
  }
}

function warnOfRestore(id: string, error: unknown, emit: Workbench["emit"]): void {
  emit({
    type: "warning",
    code: error instanceof CambiumError ? error.code : "MOUNT_SNAPSHOT",
    message: `the cache mount ${id} is not restored: ${messageOf(error)}`,
    hint: "The build is right without it, only slower.",
  });
}

function anothers(snapshot: MountSnapshot, use: MountUse): CambiumError {
  const problem = `it is of ${snapshot.id} of ${snapshot.project ?? "another project"}`;
  return new CambiumError("MOUNT_SNAPSHOT", `a snapshot that was found for the mount ${use.id}: ${problem}`, {
    hint: "Whoever can write to the cache put it there; make it anew.",
  });
}

function nowhere(digest: string): CambiumError {
  return new CambiumError("LAYER_GONE", `its layer ${digest} is nowhere to be had`, {
    hint: "Export the mount once more.",
  });
}
