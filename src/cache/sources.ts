import { messageOf } from "../errors.ts";
import type { Emit } from "../events.ts";
import { type CacheImport, homeOf } from "./place.ts";
import type { Remote } from "./remote.ts";

/** A place to look in, and for whom. */
export type Source = Pick<CacheImport, "stages"> & { readonly remote: Remote };

type Rated = Source & {
  /** Of its quickest answer; absent: never asked. */
  latencyMs: number | undefined;
  isDropped: boolean;
};

/** A look-up is a request or two. What takes longer than this makes a build wait more than it can hope to gain. */
const PATIENCE_MS = 10_000;

export type SourceOptions = {
  readonly emit: Emit;
  readonly signal: AbortSignal;
  /** Gets the homes of those that fail. */
  readonly brokenPlaces: Set<string>;
  readonly patienceMs?: number;
  /** Milliseconds from any beginning. */
  readonly now?: () => number;
};

/**
 * Where one build looks for what others left. All are asked together once, which shows how quick they are; from then on
 * one after the other, the quickest first. One that fails, or does not answer in time, is told of and asked no more.
 */
export class Sources {
  readonly #sources: readonly Rated[];
  readonly #options: SourceOptions;

  constructor(sources: readonly Source[], options: SourceOptions) {
    this.#sources = sources.map((source) => ({ ...source, latencyMs: undefined, isDropped: false }));
    this.#options = options;
  }

  get isEmpty(): boolean {
    return this.#sources.length === 0;
  }

  /** What each of them has, the quickest first. */
  async all<T>(read: (remote: Remote) => Promise<T | undefined>): Promise<T[]> {
    const live = this.#live(undefined);
    const found = await Promise.all(live.map((source) => this.#asked(source, read)));
    const order = [...live.keys()].sort((a, b) => quickness(live[a]!) - quickness(live[b]!));
    return order.flatMap((at) => found[at] ?? []);
  }

  /** What the first has that has it. @param stage only places that are for it; absent: for the whole build */
  async first<T>(
    stage: string | undefined,
    read: (remote: Remote) => Promise<T | undefined>,
  ): Promise<T | undefined> {
    const live = this.#live(stage);
    const isNew = live.some(({ latencyMs }) => latencyMs === undefined);
    if (isNew && live.length > 1) {
      const found = await Promise.all(live.map((source) => this.#asked(source, read)));
      return found.find((one) => one !== undefined);
    }
    for (const source of live) {
      const found = await this.#asked(source, read);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Asks one no more: what it said proved wrong. */
  drop(remote: Remote, problem: string): void {
    const source = this.#sources.find((one) => one.remote === remote);
    if (source !== undefined) this.#drop(source, problem);
  }

  #live(stage: string | undefined): Rated[] {
    return this.#sources
      .filter(({ stages, isDropped }) => {
        return !isDropped && (stage === undefined || stages === undefined || stages.includes(stage));
      })
      .sort((a, b) => quickness(a) - quickness(b));
  }

  async #asked<T>(source: Rated, read: (remote: Remote) => Promise<T | undefined>): Promise<T | undefined> {
    const { now = () => performance.now(), patienceMs = PATIENCE_MS, signal } = this.#options;
    const before = now();
    let timer: NodeJS.Timeout | undefined;
    const tooLong = new Promise<never>((_, reject) => {
      const problem = () => reject(new Error(`no answer within ${patienceMs / 1000} s`));
      timer = setTimeout(problem, patienceMs);
    });
    const answer = read(source.remote);
    // It may still fail when nobody waits any more.
    answer.catch(() => undefined);
    try {
      const found = await Promise.race([answer, tooLong]);
      source.latencyMs = Math.min(source.latencyMs ?? Number.POSITIVE_INFINITY, now() - before);
      return found;
    } catch (error) {
      signal.throwIfAborted();
      this.#drop(source, messageOf(error));
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  }

  #drop(source: Rated, problem: string): void {
    if (source.isDropped) return;
    source.isDropped = true;
    // A folder that cannot be read is mended by the export.
    const { place } = source.remote;
    if (place.kind === "registry") this.#options.brokenPlaces.add(homeOf(place));
    const message = `the cache ${source.remote.name} is not used: ${problem}`;
    this.#options.emit({ type: "warning", code: "CACHE_UNREADABLE", message });
  }
}

/** Folders first; among places that were never asked the order in which they were named. */
function quickness({ latencyMs, remote }: Rated): number {
  return latencyMs ?? (remote.place.kind === "folder" ? -1 : Number.MAX_SAFE_INTEGER);
}
