import { canonicalJson } from "../canonical-json.ts";
import type { ContentSource } from "../context/content-source.ts";
import { type CopyEntry, copyEntries } from "../context/copy.ts";
import type { OpenContext } from "../context/opened-context.ts";
import type { WalkOptions } from "../context/walk.ts";
import type { Definition, GeneratedFile } from "../graph/definition.ts";
import { digestOf } from "../layer/digest.ts";
import { CONSTANT_MTIME } from "../layer/entry.ts";
import { type SourceEntry, segmentFromFiles } from "../layer/files.ts";
import type { Segment } from "../layer/segment.ts";
import { LAYOUT_VERSIONS } from "../layout-versions.ts";
import { filesSegment, type SourcedEntry } from "./files.ts";
import { openContext } from "./open-context.ts";
import { type Accounts, resolveOwner } from "./owners.ts";
import { step, type Workbench } from "./workbench.ts";

/**
 * One segment per file op of the definition, in order.
 * @throws CambiumError as `walkContext`, `copyEntries`, `resolveOwner` and `filesSegment`.
 */
export async function projectFiles(
  definition: Definition,
  context: WalkOptions & { readonly root: string },
  options: {
    readonly sourceDateEpoch?: number;
    /** Of an image of a registry; asked only when a name must be known. */
    readonly accounts?: () => Promise<Accounts>;
  },
  bench: Workbench,
): Promise<Segment[]> {
  if (definition.files.length === 0) return [];
  return step(bench, "project files", async () => {
    const mtimeSec = options.sourceDateEpoch ?? CONSTANT_MTIME;
    let open: OpenContext | undefined;
    const segments: Segment[] = [];
    for (const [index, op] of definition.files.entries()) {
      const key = String(index).padStart(4, "0");
      if (op.op === "generate") {
        segments.push(generatedFiles(op.name, key, op.files, mtimeSec, bench));
        continue;
      }
      open ??= await openContext(context.root, context, bench);
      const { tree, source } = open;
      const accounts = isNamed(op.owner) ? await options.accounts?.() : undefined;
      const owner = resolveOwner(op.owner, definition.users, `copy to ${op.destination}`, accounts);
      const copied = copyEntries(tree, op, { modes: "normalize", ...owner });
      const entries = copied.map((entry) => sourcedEntry(entry, source));
      const name = `copy ${op.sources.join(" ")} ${op.destination}`;
      const label = { name, recipeName: name, key, mtimeSec, slot: `${context.root} ${name}` };
      segments.push(await filesSegment(label, entries, bench));
    }
    open?.save();
    const count = segments.reduce((sum, { entries }) => sum + entries.length, 0);
    return { value: segments, outcome: "done", detail: `${count} paths` };
  });
}

function sourcedEntry(
  { source, target = "", isImplied, ...entry }: CopyEntry,
  from: ContentSource,
): SourcedEntry {
  const { path, type, mode, uid, gid } = entry;
  const base = { path, mode, uid, gid };
  if (type === "directory") return { ...base, type, ...(isImplied && { isImplied }) };
  if (type === "symlink") return { ...base, type, target };
  if (source === undefined) throw new TypeError(`a file without content: ${path}`);
  const content = { type, path: source.path, mode, uid, gid, size: source.size } as const;
  return { ...base, type, size: source.size, from, content };
}

function isNamed(owner: string | undefined): boolean {
  return owner !== undefined && !/^[\d:]+$/.test(owner);
}

function generatedFiles(
  name: string,
  key: string,
  files: readonly GeneratedFile[],
  mtimeSec: number,
  bench: Workbench,
): Segment {
  const recipe = {
    ecosystem: "generated",
    layoutVersion: LAYOUT_VERSIONS.generated,
    source: digestOf(canonicalJson(files)),
    options: { name, mtime: String(mtimeSec) },
  } as const;
  const entries = files.map((file): SourceEntry => {
    const owner = { uid: 0, gid: 0 };
    if (file.type === "file") return { ...file, ...owner, content: Buffer.from(file.content, "utf8") };
    return file.type === "symlink" ? { ...file, ...owner, mode: 0o777 } : { ...file, ...owner };
  });
  const segment = segmentFromFiles({ recipe, name, key, mtimeSec, entries }, bench.store.blobs);
  bench.lease.protect(segment.blobs);
  if (!bench.store.segments.has(segment.id)) bench.store.segments.put(segment);
  return segment;
}
