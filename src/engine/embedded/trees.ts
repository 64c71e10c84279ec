import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  utimesSync,
} from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { CambiumError } from "../../errors.ts";
import { decompressed } from "../../image/decompress.ts";
import { Expansion } from "../../image/expansion.ts";
import { layerCompression } from "../../image/media-types.ts";
import { type DiffId, type Digest, hexOf } from "../../layer/digest.ts";
import type { Layer } from "../../layer/layer.ts";
import { bytesFromText } from "../../layer/raw-text.ts";
import { readTar } from "../../layer/read-tar.ts";
import { writeTar } from "../../layer/write-tar.ts";
import type { Lease } from "../../store/lease.ts";
import { leasedDigests, pruneGuard } from "../../store/lease.ts";
import type { Store } from "../../store/store.ts";
import type { TreeStat } from "../../store/survey.ts";
import { writeAtomically } from "../../store/temporary.ts";
import type { EngineHost } from "./check.ts";
import { insideId } from "./id-mappings.ts";
import { launch } from "./launch.ts";
import { opaqueAttribute } from "./overlay.ts";
import { createRunFolder, type RunFolder } from "./run-folders.ts";
import { diskFullOr } from "./tar-errors.ts";
import { type ImpliedDirectory, type TreeForm, treeMembers } from "./tree-members.ts";

/** Its name in the trees' folder: short, since a mount names all of a step's in one page. */
export type TreeName = string;

/**
 * What is known of a layer's trees, `<name>.json`. `bootId`: trees are not synced, so after a power cut they may be
 * torn; they count only in the boot in which they were made. `implied`: directories that the layer does not state; their
 * metadata is that of the layers below, and where it is not the usual one the tree has a name of its own.
 */
type Facts = {
  readonly diffId: DiffId;
  readonly bootId: string;
  readonly implied: readonly string[];
  readonly sizeBytes: number;
};

const FOLDER = "trees-v1";
const FACTS = /^[0-9a-f]{24}\.json$/;
/** 96 bits: nobody finds a layer whose name is that of another. 127 such names and what stands between fit a page. */
const NAME_LENGTH = 24;
const USUAL: ImpliedDirectory = { mode: 0o755, uid: 0, gid: 0, mtimeSec: 0 };

/** Layers as folders for overlayfs, each unpacked once: `trees-v1/<24 hex>/`. Safe for several processes. */
export class Trees {
  readonly path: string;
  /** The name of an empty one. */
  readonly empty = "empty";
  readonly #store: Store;
  readonly #lease: Lease;

  constructor(store: Store) {
    this.path = join(store.root, FOLDER);
    this.#store = store;
    this.#lease = store.lease();
  }

  /**
   * The tree of a layer above `below` (bottom up), unpacked if need be. Until `close` no prune takes it.
   * @throws CambiumError as `readLayer`, `DISK_FULL`, `TREE_UNPACK`.
   */
  async treeOf(
    host: EngineHost,
    layer: Layer,
    below: readonly TreeName[],
    signal?: AbortSignal,
  ): Promise<TreeName> {
    this.#lease.protect([layer.diffId as string as Digest]);
    const known = this.#known(host, layer.diffId, below);
    if (known !== undefined) return known;
    const name = nameOf(layer.diffId, host, undefined);
    const work = async () =>
      this.#known(host, layer.diffId, below) ?? this.#unpack(host, layer, below, signal);
    return this.#store.exclusive(`tree ${name}`, work, { signal });
  }

  /** Whether a layer was unpacked in this boot: above other trees than now, perhaps. */
  has(host: EngineHost, diffId: DiffId): boolean {
    const facts = readFacts(join(this.path, `${nameOf(diffId, host, undefined)}.json`));
    return facts !== undefined && isOfNow(facts, diffId);
  }

  /** Makes the changes in a run's folder the tree of the layer that they were captured as; they are gone from there. */
  async adopt(host: EngineHost, folder: RunFolder, diffId: DiffId, sizeBytes: number): Promise<TreeName> {
    this.#lease.protect([diffId as string as Digest]);
    const name = nameOf(diffId, host, undefined);
    return this.#store.exclusive(`tree ${name}`, async () => {
      if (this.#known(host, diffId, []) === undefined) {
        this.#makeRoom(name, folder);
        renameSync(join(folder.path, "u"), join(this.path, name));
        this.#store.added.bytes += sizeBytes;
        this.#writeFacts(name, { diffId, bootId: bootId(), implied: [], sizeBytes });
      }
      return name;
    });
  }

  /**
   * What the trees take, in bytes of file content, and when each was used last, in milliseconds since the epoch: 0 for
   * one of another boot, which nobody uses again.
   */
  *list(): Generator<TreeStat> {
    for (const file of this.#names(FACTS)) {
      const facts = readFacts(join(this.path, file));
      if (facts === undefined) continue;
      const { diffId, sizeBytes } = facts;
      yield { diffId, sizeBytes, usedMs: this.#usedMs(file, facts) };
    }
  }

  #usedMs(file: string, facts: Facts): number {
    const isOfThisBoot = facts.bootId === bootId();
    return isOfThisBoot ? (statSync(join(this.path, file), { throwIfNoEntry: false })?.mtimeMs ?? 0) : 0;
  }

  /**
   * Removes trees that were not used since they were listed and that no running build has asked for.
   * @param usedMs which, and when each was used, as `list` has it
   * @returns which went.
   */
  async prune(host: EngineHost, usedMs: ReadonlyMap<DiffId, number>): Promise<Set<DiffId>> {
    const leases = join(this.#store.root, "leases-v1");
    const aside = createRunFolder(this.#store, this.path, host);
    const removed = new Set<DiffId>();
    const guard = pruneGuard(leases);
    try {
      const leased = leasedDigests(leases);
      for (const file of this.#names(FACTS)) {
        const facts = readFacts(join(this.path, file));
        if (facts !== undefined) {
          const { diffId } = facts;
          const seen = usedMs.get(diffId);
          const isUsed = this.#usedMs(file, facts) > (seen ?? -1) || leased.has(diffId as string as Digest);
          if (isUsed) continue;
          removed.add(diffId);
        }
        rmSync(join(this.path, file), { force: true });
        for (const name of this.#variants(file.slice(0, NAME_LENGTH))) this.#setAside(name, aside);
      }
    } finally {
      guard.release();
      await aside.remove();
    }
    return removed;
  }

  close(): void {
    this.#lease.release();
  }

  /** All that another boot, or a process that was killed, left of a layer: facts of this boot must not vouch for it. */
  #makeRoom(base: TreeName, folder: RunFolder): void {
    const facts = join(this.path, `${base}.json`);
    if (readFacts(facts)?.bootId === bootId()) return;
    rmSync(facts, { force: true });
    for (const name of this.#variants(base)) this.#setAside(name, folder);
  }

  #variants(base: TreeName): TreeName[] {
    return this.#names(new RegExp(`^${base}(-[0-9a-f]{8})?$`));
  }

  /** Whoever looks for a tree must not find half of it, so it is moved before it is removed. */
  #setAside(name: string, folder: RunFolder): void {
    renameSync(join(this.path, name), join(folder.path, name));
  }

  #known(host: EngineHost, diffId: DiffId, below: readonly TreeName[]): TreeName | undefined {
    const base = nameOf(diffId, host, undefined);
    const path = join(this.path, `${base}.json`);
    const facts = readFacts(path);
    if (facts === undefined || !isOfNow(facts, diffId)) return undefined;
    const name = nameOf(diffId, host, this.#directories(host, facts.implied, below));
    if (!existsSync(join(this.path, name))) return undefined;
    const now = new Date();
    utimesSync(path, now, now);
    return name;
  }

  async #unpack(
    host: EngineHost,
    layer: Layer,
    below: readonly TreeName[],
    signal: AbortSignal | undefined,
  ): Promise<TreeName> {
    const where = `layer ${layer.descriptor.digest}`;
    const implied: string[] = [];
    let sizeBytes = 0;
    const attribute = opaqueAttribute(host.overlay);
    const form: TreeForm = {
      ...(attribute === undefined ? {} : { opaqueAttribute: attribute }),
      hasDevices: host.mappings === undefined,
      impliedDirectory: (path) => {
        implied.push(path);
        return this.#directoryBelow(host, path, below);
      },
    };
    const compression = layerCompression(layer.descriptor.mediaType) ?? "gzip";
    const guard = new Expansion(where);
    const tar = guard.outgoing(decompressed(guard.incoming(layer.compressed()), compression, where));
    const entries = readTar(tar, where, { hasRawNames: true });
    const folder = createRunFolder(this.#store, this.path, host);
    const unpacked = join(folder.path, "u");
    mkdirSync(unpacked);
    chmodSync(unpacked, 0o755);
    const count = async function* (chunks: AsyncIterable<Uint8Array>) {
      for await (const chunk of chunks) {
        sizeBytes += chunk.byteLength;
        yield chunk;
      }
    };
    try {
      await extract(host, unpacked, count(writeTar(treeMembers(entries, where, form))), where, signal);
      guard.assertDiffId(layer.diffId);
      const name = nameOf(layer.diffId, host, this.#directories(host, implied, below));
      const base = nameOf(layer.diffId, host, undefined);
      this.#makeRoom(base, folder);
      renameSync(unpacked, join(this.path, name));
      this.#store.added.bytes += sizeBytes;
      this.#writeFacts(base, { diffId: layer.diffId, bootId: bootId(), implied, sizeBytes });
      return name;
    } finally {
      await folder.remove();
    }
  }

  #writeFacts(name: TreeName, facts: Facts): void {
    const path = join(this.path, `${name}.json`);
    writeAtomically(path, Buffer.from(JSON.stringify(facts)), join(this.#store.root, "tmp"), false);
  }

  /** Undefined when all are as usual. */
  #directories(
    host: EngineHost,
    implied: readonly string[],
    below: readonly TreeName[],
  ): readonly unknown[] | undefined {
    const unusual = implied
      .map((path) => [path, this.#directoryBelow(host, path, below)] as const)
      .filter(([, directory]) => JSON.stringify(directory) !== JSON.stringify(USUAL));
    return unusual.length === 0 ? undefined : unusual;
  }

  /** The uppermost tree that has the directory says what it is like. @throws CambiumError `LAYER_PARENT`. */
  #directoryBelow(host: EngineHost, path: string, below: readonly TreeName[]): ImpliedDirectory {
    for (const name of [...below].reverse()) {
      const found = lstatInside(join(this.path, name), path);
      if (found === undefined) continue;
      if (found.isCharacterDevice()) return USUAL;
      if (found.isSymbolicLink()) {
        throw new CambiumError(
          "LAYER_PARENT",
          `a layer puts files below ${JSON.stringify(path)}, which is a link in a lower layer, without saying so`,
          { hint: "What it comes to depends on who unpacks it; have the image built anew." },
        );
      }
      if (!found.isDirectory()) return USUAL;
      const { mode, uid, gid, mtimeMs } = found;
      return {
        mode: mode & 0o7777,
        uid: insideId(host.mappings?.uids, uid),
        gid: insideId(host.mappings?.gids, gid),
        mtimeSec: Math.floor(mtimeMs / 1000),
      };
    }
    return USUAL;
  }

  #names(pattern: RegExp): string[] {
    return existsSync(this.path) ? readdirSync(this.path).filter((name) => pattern.test(name)) : [];
  }
}

/** An entry of a tree by its path, whose parents are directories there; undefined when it is not there. */
export function lstatInside(tree: string, path: string): Stats | undefined {
  try {
    return lstatSync(Buffer.concat([Buffer.from(`${tree}/`), bytesFromText(path)]), {
      throwIfNoEntry: false,
    });
  } catch {
    // A parent that is a file, or closed to us.
    return undefined;
  }
}

/** Unpacks a tar into a folder, with GNU tar: owners, modes, times to the nanosecond, xattrs, devices. */
export async function extract(
  host: EngineHost,
  folder: string,
  tar: AsyncIterable<Uint8Array>,
  where: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const owners = ["--numeric-owner", "--same-owner", "--preserve-permissions", "--delay-directory-restore"];
  const xattrs = ["--xattrs", "--xattrs-include=*"];
  const argv = [host.programs.tar, "--extract", "--file=-", ...owners, ...xattrs];
  const launched = await launch(host, [...argv, `--directory=${folder}`]);
  const stop = () => launched.child.kill("SIGKILL");
  signal?.addEventListener("abort", stop);
  launched.stdout.resume();
  let text = "";
  launched.stderr.on("data", (chunk: Uint8Array) => {
    if (text.length < 10_000) text += Buffer.from(chunk).toString("utf8");
  });
  let failure: unknown;
  try {
    await pipeline(tar, launched.stdin);
  } catch (error) {
    failure = error;
    launched.stdin.destroy();
    stop();
  }
  const code = await launched.exitCode;
  signal?.removeEventListener("abort", stop);
  signal?.throwIfAborted();
  // A pipe that tar closed says nothing; what tar wrote does.
  if (failure instanceof CambiumError) throw failure;
  if (failure !== undefined || code !== 0) {
    throw diskFullOr(text, (detail) => {
      return new CambiumError("TREE_UNPACK", `${where}: tar could not unpack it (${code}): ${detail}`, {
        cause: failure,
        hint: "The layer may need rights that are lacking here, or link to files of other layers.",
      });
    });
  }
}

function nameOf(diffId: DiffId, host: EngineHost, directories: readonly unknown[] | undefined): TreeName {
  const isRoot = host.mappings === undefined;
  const text = JSON.stringify([hexOf(diffId), host.overlay, isRoot]);
  const base = createHash("sha256").update(text).digest("hex").slice(0, NAME_LENGTH);
  if (directories === undefined) return base;
  return `${base}-${createHash("sha256").update(JSON.stringify(directories)).digest("hex").slice(0, 8)}`;
}

function readFacts(path: string): Facts | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Facts;
  } catch {
    return undefined;
  }
}

function isOfNow(facts: Facts, diffId: DiffId): boolean {
  return facts.diffId === diffId && facts.bootId === bootId();
}

function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
}
