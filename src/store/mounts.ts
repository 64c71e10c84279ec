import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { canonicalJson } from "../canonical-json.ts";
import { digestOf, hexOf } from "../layer/digest.ts";
import { errnoOf, storeError } from "./io-error.ts";
import { type HeldLock, tryLock, waitForLock } from "./lock.ts";
import { decodeMountChain, decodeMountState, encodeMountState, type MountState } from "./mount-state.ts";
import { pause } from "./pause.ts";
import type { ExclusiveOptions, Store } from "./store.ts";
import { writeAtomically } from "./temporary.ts";

/**
 * What makes a cache mount the same one: its id, of one project or of all, and owner and mode of its root, since an
 * account that may not write there needs another. Nothing of a machine is in it.
 */
export type MountIdentity = {
  /** As written. */
  readonly id: string;
  /** Absent: every project's. */
  readonly project?: string;
  readonly owner: MountOwner;
};

/** Of a mount's root directory. */
export type MountOwner = { readonly mode: number; readonly uid: number; readonly gid: number };

/** `shared`: several at once; `locked`: one after the other; `private`: who comes second gets a folder of its own. */
export type MountSharing = "shared" | "private" | "locked";

export type MountUse = MountIdentity & {
  readonly target: string;
  readonly sharing: MountSharing;
  /** Whether a new mount has more to begin with than an empty folder. */
  readonly hasSeed: boolean;
};

/** 24 hex digits, the same on every machine; the further folders of a private one end in `-1`, `-2`, … */
export type MountName = string;

/** A mount that nobody removes, and that others use only as its sharing allows, until it is released. */
export type HeldMount = { readonly name: MountName; readonly folder: string; release(): void };

/** What a mount was measured to cost and to save: times in milliseconds. */
export type MountCosts = {
  /** Bringing its content here, the last time: bytes of layers, with their transfer. */
  readonly restore?: { readonly bytes: number; readonly ms: number };
  /** Builds in a row, before that restore, that lost more by theirs than they saved. */
  readonly losses?: number;
  /** Steps that use it, by 16 hex digits of their text's digest: how long they ran with it empty, and with content. */
  readonly steps: Readonly<Record<string, { readonly coldMs?: number; readonly warmMs?: number }>>;
};

/** What is known of a mount: the record `mount` of its name. Times are milliseconds since the epoch. */
type MountFacts = MountIdentity & {
  /** Where a step saw it last. */
  readonly target: string;
  readonly createdMs: number;
  readonly usedMs: number;
  /** What it took on disk when it was measured last. */
  readonly sizeBytes?: number;
  /** Used since it was measured. */
  readonly isStale: boolean;
  /** Absent in records of before there were snapshots. */
  readonly sharing?: MountSharing;
  readonly costs?: MountCosts;
};

/** Without its identity where the store lost its records. */
export type StoredMount = Pick<MountFacts, "createdMs" | "usedMs" | "sizeBytes" | "isStale"> &
  Partial<Omit<MountFacts, "createdMs" | "usedMs" | "sizeBytes" | "isStale">> & {
    readonly name: MountName;
    /** Absolute. */
    readonly folder: string;
  };

type Make = (folder: string, name: MountName) => Promise<void>;

const FOLDER = "mounts-v1";
/** What a step sees, in a folder that is ours whoever owns it: so it can be renamed. */
const ROOT = "root";
/** Beside it; goes with it. */
const STATE = "state";
const RECORD = "mount";
const NAME = /^[0-9a-f]{24}(?:-[1-9]\d{0,5})?$/;
/** `isInUse` and `remove` hold a lock for a moment; who finds it held looks again after this. */
const GLANCE_MS = 20;

export function mountName({ id, project, owner: { mode, uid, gid } }: MountIdentity): MountName {
  const document = { version: 1, id, ...(project !== undefined && { project }), owner: { mode, uid, gid } };
  return hexOf(digestOf(canonicalJson(document))).slice(0, 24);
}

/**
 * Cache mounts: `mounts-v1/<name>/root/`, plain folders, each with a lock `<name>.lock`. Who uses a mount holds its
 * lock, together with others where it is shared; so no process uses it against its sharing or removes it meanwhile,
 * and one that is killed lets go. Facts are in the records: without them a mount stays usable.
 */
export class Mounts {
  readonly #store: Store;
  readonly #path: string;
  readonly #now: () => number;

  constructor(store: Store, now: () => number = Date.now) {
    this.#store = store;
    this.#path = join(store.root, FOLDER);
    this.#now = now;
  }

  /** Whether its next use may call for the seed. */
  needsSeed(use: MountUse): boolean {
    return use.hasSeed && (use.sharing === "private" || this.#isWanting(mountName(use), true));
  }

  /**
   * Waits until the mount may be used, and makes it where need be: when it is not there, and, if it has a seed, also when
   * it is empty. So a seed that was empty, or a build that failed before it wrote anything, does not decide for ever.
   * @param make puts a folder at a path, whole or not at all, with the one around it; nothing or an empty one is there
   * @throws the signal's reason when aborted while waiting; whatever `make` throws; CambiumError as `storeError`.
   */
  async acquire(use: MountUse, make: Make, options: ExclusiveOptions = {}): Promise<HeldMount> {
    this.#prepare();
    const name = mountName(use);
    if (use.sharing === "private") return this.#acquireOwn(name, use, make, options);
    let isTold = false;
    const onWait = () => {
      if (!isTold) options.onWait?.();
      isTold = true;
    };
    const waiting = { ...options, onWait };
    const isAlone = use.sharing === "locked";
    // In turns, so that nobody who needs it alone waits for ever while others come and go together.
    const acquire = () =>
      isAlone
        ? this.#acquireAlone(name, use, make, waiting)
        : this.#acquireTogether(name, use, make, waiting);
    return this.#store.exclusive(`mount ${name}`, acquire, waiting);
  }

  /**
   * Makes a mount whatever is there, and holds it alone; `make` may leave it as it is. Undefined while someone uses it.
   * @throws whatever `make` throws; CambiumError as `storeError`.
   */
  async replace(use: MountUse, make: Make): Promise<HeldMount | undefined> {
    this.#prepare();
    const name = mountName(use);
    const lock = tryLock(this.#lock(name));
    if (lock === undefined) return undefined;
    try {
      await make(this.#folder(name), name);
      return this.#used(name, use, lock);
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /** Every mount, by name. */
  list(): StoredMount[] {
    const facts = new Map(
      this.#store.records.list(RECORD).map(({ key, value }) => [key, value as MountFacts]),
    );
    return this.#names().flatMap((name) => this.#stored(name, facts.get(name)) ?? []);
  }

  /** What is known of one; undefined for what is not there. */
  find(name: MountName): StoredMount | undefined {
    return this.#stored(name, this.#store.records.get(RECORD, name) as MountFacts | undefined);
  }

  /** Whether it is missing or empty. Of a private one the first folder is meant. */
  isCold(name: MountName): boolean {
    return this.#isWanting(name, true);
  }

  /** Holds a mount so that nobody else uses it; undefined while someone does. */
  hold(name: MountName): HeldMount | undefined {
    const lock = tryLock(this.#lock(name));
    return lock && { name, folder: this.#folder(name), release: () => lock.release() };
  }

  /** What a mount was like when it was snapshotted or restored last; undefined where that is not known. */
  state(name: MountName): MountState | undefined {
    const bytes = this.#stateBytes(name);
    return bytes && decodeMountState(bytes);
  }

  /** Its layers then, without what it was like. */
  chain(name: MountName): Omit<MountState, "paths"> | undefined {
    const bytes = this.#stateBytes(name);
    return bytes && decodeMountChain(bytes);
  }

  /** Only while it is held. */
  noteState(name: MountName, state: MountState): void {
    // A torn file is no state, and then the next snapshot is a whole one: so no sync.
    writeAtomically(this.#state(name), encodeMountState(state), join(this.#store.root, "tmp"), false);
  }

  /** Only while it is held, and after its first use began. */
  noteCosts(name: MountName, change: (before: MountCosts) => MountCosts): void {
    const { records } = this.#store;
    records.transaction(() => {
      const facts = records.get(RECORD, name) as MountFacts | undefined;
      if (facts !== undefined) {
        records.put(RECORD, name, { ...facts, costs: change(facts.costs ?? { steps: {} }) });
      }
    });
  }

  /** Holds the lock for a moment. */
  isInUse(name: MountName): boolean {
    const lock = tryLock(this.#lock(name));
    lock?.release();
    return lock === undefined;
  }

  /** Keeps what was measured while nobody used the mount. */
  noteSize(name: MountName, sizeBytes: number): void {
    const { records } = this.#store;
    const facts = records.get(RECORD, name) as MountFacts | undefined;
    if (facts !== undefined) records.put(RECORD, name, { ...facts, sizeBytes, isStale: false });
  }

  /**
   * Removes a mount unless someone uses it.
   * @param discard takes a folder away, whole or not at all, with the one around it
   * @returns whether it did.
   */
  async remove(name: MountName, discard: (folder: string) => Promise<void>): Promise<boolean> {
    // The lock's file stays: who opens it just when it is deleted fails (see `removeLock`).
    const lock = tryLock(this.#lock(name));
    if (lock === undefined) return false;
    try {
      if (existsSync(this.#folder(name))) await discard(this.#folder(name));
      this.#store.records.delete(RECORD, name);
      return true;
    } finally {
      lock.release();
    }
  }

  #prepare(): void {
    try {
      // What is restored may hold setuid programs: nobody else may come to them through the host's file system.
      mkdirSync(this.#path, { recursive: true, mode: 0o700 });
    } catch (error) {
      throw storeError(error, this.#path);
    }
  }

  async #acquireAlone(
    name: MountName,
    use: MountUse,
    make: Make,
    options: ExclusiveOptions,
  ): Promise<HeldMount> {
    const lock = await waitForLock(this.#lock(name), options);
    return this.#made(name, use, make, lock);
  }

  async #acquireTogether(
    name: MountName,
    use: MountUse,
    make: Make,
    options: ExclusiveOptions,
  ): Promise<HeldMount> {
    for (let round = 0; ; round++) {
      if (this.#isWanting(name, use.hasSeed)) {
        // Nobody may see it half made, so it is made alone. Where that cannot be, it is in use: then it is there.
        const alone = tryLock(this.#lock(name));
        if (alone !== undefined) (await this.#made(name, use, make, alone)).release();
      }
      const lock = await waitForLock(this.#lock(name), { ...options, kind: "shared" });
      const isMissing = this.#isWanting(name, false);
      // Empty in spite of a seed: someone looked just now, or runs with it empty since it has no seed for them.
      const isEmpty = round === 0 && this.#isWanting(name, use.hasSeed);
      if (!isMissing && !isEmpty) return this.#used(name, use, lock);
      lock.release();
      await pause(GLANCE_MS, options.signal);
    }
  }

  /** The first folder of the pool that nobody uses. */
  async #acquireOwn(
    base: MountName,
    use: MountUse,
    make: Make,
    options: ExclusiveOptions,
  ): Promise<HeldMount> {
    for (let round = 0; ; round++) {
      for (let slot = 0; ; slot++) {
        const name = slot === 0 ? base : `${base}-${slot}`;
        // A pool that someone merely looks at must not grow: a new folder is for who finds all in use twice.
        if (round === 0 && slot > 0 && !existsSync(this.#folder(name))) break;
        const lock = tryLock(this.#lock(name));
        if (lock !== undefined) return this.#made(name, use, make, lock);
      }
      await pause(GLANCE_MS, options.signal);
    }
  }

  /** Under a lock that nobody shares. */
  async #made(name: MountName, use: MountUse, make: Make, lock: HeldLock): Promise<HeldMount> {
    try {
      if (this.#isWanting(name, use.hasSeed)) await make(this.#folder(name), name);
      return this.#used(name, use, lock);
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  #used(name: MountName, use: MountUse, lock: HeldLock): HeldMount {
    const { records } = this.#store;
    const usedMs = this.#now();
    const known = records.get(RECORD, name) as MountFacts | undefined;
    const { id, project, owner, target, sharing } = use;
    const facts: MountFacts = {
      ...{ id, owner, target, sharing, usedMs, createdMs: known?.createdMs ?? usedMs, isStale: true },
      ...(project !== undefined && { project }),
      ...(known?.sizeBytes !== undefined && { sizeBytes: known.sizeBytes }),
      ...(known?.costs !== undefined && { costs: known.costs }),
    };
    records.put(RECORD, name, facts);
    return { name, folder: this.#folder(name), release: () => lock.release() };
  }

  /** Whether it would have to be made before a use. */
  #isWanting(name: MountName, hasSeed: boolean): boolean {
    const folder = this.#folder(name);
    if (!existsSync(folder)) return true;
    return hasSeed && isEmpty(folder);
  }

  #stored(name: MountName, facts: MountFacts | undefined): StoredMount | undefined {
    const folder = this.#folder(name);
    const stat = statSync(folder, { throwIfNoEntry: false });
    if (stat === undefined) return undefined;
    const unknown = { createdMs: stat.birthtimeMs, usedMs: stat.mtimeMs, isStale: true };
    return { ...(facts ?? unknown), name, folder };
  }

  #names(): string[] {
    try {
      return readdirSync(this.#path).filter((name) => NAME.test(name));
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return [];
      throw storeError(error, this.#path);
    }
  }

  #folder(name: MountName): string {
    return join(this.#path, name, ROOT);
  }

  #stateBytes(name: MountName): Buffer | undefined {
    try {
      return readFileSync(this.#state(name));
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return undefined;
      throw storeError(error, this.#state(name));
    }
  }

  #state(name: MountName): string {
    return join(this.#path, name, STATE);
  }

  #lock(name: MountName): string {
    return join(this.#path, `${name}.lock`);
  }
}

function isEmpty(folder: string): boolean {
  try {
    return readdirSync(folder).length === 0;
  } catch (error) {
    // A plain user may not look into a folder of another account of its own range; then there is something.
    if (errnoOf(error) === "EACCES") return false;
    throw storeError(error, folder);
  }
}
