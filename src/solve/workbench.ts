import type { OpenContext } from "../context/opened-context.ts";
import type { Emit, StepOutcome } from "../events.ts";
import type { BuildTrace } from "../explain/build-trace.ts";
import type { HttpClient } from "../fetch/client.ts";
import type { Digest } from "../layer/digest.ts";
import type { RegistryAccess } from "../registry/access.ts";
import type { Lease } from "../store/lease.ts";
import type { Store } from "../store/store.ts";
import type { ImagePlaces } from "./image-places.ts";
import type { BaseImage } from "./opened-base.ts";
import type { WorkerPool } from "./worker-pool.ts";

/** What every step of a build works with; made once, closed at its end. */
export type Workbench = {
  readonly store: Store;
  readonly client: HttpClient;
  readonly registries: RegistryAccess;
  readonly pool: WorkerPool;
  readonly lease: Lease;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  /** The caller's environment; never written anywhere. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** `--no-cache`: what was computed before does not count; archives do, since they are checked by digest. */
  readonly isForgetful: boolean;
  /** Keys of layers that were described in this build, for the summary: all others were known before. */
  readonly describedLayers: Set<Digest>;
  /** Homes of caches that failed in this build: they are asked no more, and nothing is sent there. */
  readonly brokenPlaces: Set<string>;
  /** Absent: images are where their references say. */
  readonly imagePlaces?: ImagePlaces;
  /** Images of registries that were opened in this build, by reference and manifest digest: their listings are merged once. */
  readonly openBases: Map<string, Promise<BaseImage>>;
  /** Folders that files are taken from, by folder and what is left out: each is walked once in a build. */
  readonly openContexts: Map<string, Promise<OpenContext>>;
  /** What is noted for `explain`; absent: nobody asks. */
  readonly trace?: BuildTrace;
};

/** Runs one step of the build and tells its beginning and end; `work` says how it went. */
export async function step<T>(
  bench: Pick<Workbench, "emit" | "signal">,
  name: string,
  work: () => Promise<{ readonly value: T; readonly outcome: StepOutcome; readonly detail?: string }>,
): Promise<T> {
  bench.signal.throwIfAborted();
  bench.emit({ type: "step-started", id: name, name });
  try {
    const { value, outcome, detail } = await work();
    bench.emit({ type: "step-done", id: name, outcome, ...(detail !== undefined && { detail }) });
    return value;
  } catch (error) {
    bench.emit({ type: "step-done", id: name, outcome: "failed" });
    throw error;
  }
}
