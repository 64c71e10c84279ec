import type { ContentEntry, ContentFile, ContentSource } from "../../context/content-source.ts";
import type { ImageEntry } from "../../image/image-tree.ts";
import type { FlatTree, TreeDifference } from "../../image/tree-difference.ts";
import { parentOf } from "../../layer/arrange.ts";
import { comparePaths } from "../../layer/entry.ts";
import { WHITEOUT_PREFIX } from "../../layer/whiteout.ts";
import { filesSegment, type SourcedEntry } from "../files.ts";
import { inlineSource } from "../sources/made-sources.ts";
import type { Workbench } from "../workbench.ts";
import { laidLayer, plannedStageLayer } from "./laid-layer.ts";
import type { StageLayer } from "./stage-layers.ts";

/** Where a file of a tree can be read. */
export type FileAt = (path: string) => { readonly from: ContentSource; readonly content: ContentFile };

/**
 * A layer that makes one tree of another, from what is known of both: deletions are whiteouts of single paths, sorted
 * among the rest, and every time is `mtimeSec`. Equal differences are the same bytes, however the trees were layered.
 * @throws CambiumError as `filesSegment`.
 */
export async function differenceLayer(
  text: string,
  { entries, whiteouts }: TreeDifference,
  upper: FlatTree,
  fileAt: FileAt,
  mtimeSec: number,
  bench: Workbench,
): Promise<StageLayer> {
  const first = new Map<object, string>();
  const sourced = entries.map((entry): SourcedEntry => {
    if (entry.type !== "file") return entry;
    const inode = upper.inodes.get(entry.path);
    const target = inode && first.get(inode);
    const { path, mode, uid, gid } = entry;
    if (target !== undefined) return { type: "hardlink", path, mode, uid, gid, target };
    if (inode !== undefined) first.set(inode, path);
    const { digest: _, ...file } = entry;
    return { ...file, ...fileAt(path) };
  });
  const all = [...sourced, ...whiteouts.map(whiteoutAt)].sort((a, b) => comparePaths(a.path, b.path));
  const segment = await filesSegment({ name: text, key: "difference", mtimeSec }, all, bench);
  const planned = laidLayer(text, segment, (path): ImageEntry | undefined => upper.entries.get(path));
  return plannedStageLayer(planned, bench);
}

/** An empty file, as the image-spec wants it. */
function whiteoutAt(path: string): SourcedEntry {
  const parent = parentOf(path);
  const name = `${WHITEOUT_PREFIX}${parent === "" ? path : path.slice(parent.length + 1)}`;
  const from = inlineSource(name, "");
  const content = from.entries[0] as ContentFile;
  return { ...content, mode: 0, path: parent === "" ? name : `${parent}/${name}`, from, content };
}

/** The files of a source by their paths. */
export function filesOf(from: ContentSource): FileAt {
  const isFile = (entry: ContentEntry): entry is ContentFile => entry.type === "file";
  const files = new Map(from.entries.filter(isFile).map((file) => [file.path, file]));
  return (path) => {
    const content = files.get(path);
    if (content === undefined) throw new TypeError(`not of ${from.where}: ${path}`);
    return { from, content };
  };
}
