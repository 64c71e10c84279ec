import { rmSync } from "node:fs";
import { canonicalJson } from "../../canonical-json.ts";
import type { DigestCache } from "../../context/content-digest.ts";
import type { ContentSource } from "../../context/content-source.ts";
import { contextSource } from "../../context/context-source.ts";
import { copyInto } from "../../context/copy-into.ts";
import { sourceTree } from "../../context/source-tree.ts";
import { TargetTree } from "../../context/target-tree.ts";
import { walkContext } from "../../context/walk.ts";
import { redactUrl } from "../../fetch/redact.ts";
import { digestOf } from "../../layer/digest.ts";
import { CONSTANT_MTIME } from "../../layer/entry.ts";
import type { SegmentId } from "../../layer/segment.ts";
import { filesSegment } from "../files.ts";
import { wholeSegment } from "../segments.ts";
import type { Workbench } from "../workbench.ts";
import { checkOut, type GitOp, type ResolvedCommit, resolveCommit } from "./git-checkout.ts";
import { segmentSource } from "./made-sources.ts";

type Bench = Pick<Workbench, "store" | "lease" | "signal" | "env">;

/** The checkout is new: each of its files is read once. */
const NO_CACHE: DigestCache = { get: () => undefined, put: () => undefined };

/** The commit that a branch or tag is now. @throws CambiumError as `resolveCommit`. */
export async function commitNow(wanted: Pick<GitOp, "url" | "ref">, bench: Bench): Promise<string> {
  return (await commitOf({ kind: "git", keepsGitFolder: false, ...wanted }, bench)).commit;
}

/** The commit that a source means now. @throws CambiumError as `resolveCommit`. */
export async function commitOf(op: GitOp, bench: Bench): Promise<ResolvedCommit> {
  const folder = bench.store.blobs.temporary();
  try {
    return await resolveCommit(op, folder, bench);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * A commit of a repository. Its files are kept by the commit's id, so that a commit that was copied before is not
 * fetched again, and one that is written out in full is not even asked for.
 * @throws CambiumError as `resolveCommit` and `checkOut`.
 */
export async function gitSource(op: GitOp, bench: Bench): Promise<ContentSource> {
  const { store } = bench;
  const folder = store.blobs.temporary();
  try {
    const resolved = await resolveCommit(op, folder, bench);
    const { commit } = resolved;
    const where = `${redactUrl(op.url)} at ${commit.slice(0, 12)}`;
    const { subdirectory = "", keepsGitFolder } = op;
    const url = redactUrl(op.url);
    const key = digestOf(
      canonicalJson({ url, commit, subdirectory, keepsGitFolder, ref: keepsGitFolder ? op.ref : undefined }),
    );
    const remembered = store.records.get("git", key) as { segment: SegmentId } | undefined;
    const known = remembered && wholeSegment(bench, remembered.segment);
    if (known !== undefined) {
      bench.lease.protect(known.blobs);
      return segmentSource(known, where, store);
    }
    const root = await checkOut(op, resolved, folder, bench);
    const options = { ignoreFiles: [], keepsGit: keepsGitFolder && root === folder, signal: bench.signal };
    const tree = sourceTree(contextSource(await walkContext(root, options), NO_CACHE, where));
    const target = new TargetTree(undefined);
    copyInto(target, tree, { path: "/", isPattern: false }, { destination: "/" });
    const label = { name: where, key: "git", mtimeSec: CONSTANT_MTIME };
    const segment = await filesSegment(label, target.entries(), bench);
    store.records.put("git", key, { segment: segment.id });
    return segmentSource(segment, where, store);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
