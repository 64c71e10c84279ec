import { OPAQUE_MARKER, WHITEOUT_PREFIX } from "../layer/whiteout.ts";
import type { BlobProblem, StackedEntry } from "./validate-layer.ts";

/** One path of the layers so far. */
type Node = {
  kind: "directory" | "symlink" | "file";
  layer: number;
  owner: string;
  readonly children: Map<string, Node>;
};

/**
 * Lays the layers of an image on each other, as a container engine does, and tells where one does not fit on those
 * below: what overlayfs, BuildKit and unpackers then do differs (a symlink like `/lib` becomes a real directory).
 */
export class LayerStack {
  readonly #root = node("directory", 0, "");
  #layer = -1;

  add(entries: readonly StackedEntry[]): BlobProblem[] {
    this.#layer += 1;
    return entries.flatMap((entry) => this.#addEntry(entry));
  }

  #addEntry(entry: StackedEntry): BlobProblem[] {
    const parts = entry.path.split("/");
    const name = parts.pop()!;
    let parent = this.#root;
    for (const [depth, part] of parts.entries()) {
      const found = parent.children.get(part) ?? this.#made(parent, part);
      if (found.kind !== "directory") {
        const below = parts.slice(0, depth + 1).join("/");
        return [
          problem("LAYER_PARENT", entry.path, `its parent ${JSON.stringify(below)} is a ${found.kind}`),
        ];
      }
      parent = found;
    }
    if (name.startsWith(WHITEOUT_PREFIX)) {
      this.#whiteOut(parent, name);
      return [];
    }
    const problems = this.#conflicts(entry, parent.children.get(name));
    if (entry.type === "hardlink" && !this.#isFile(entry.target ?? "")) {
      problems.push(
        problem("LAYER_LINK", entry.path, `no file at its target ${JSON.stringify(entry.target)}`),
      );
    }
    this.#put(parent, name, entry);
    return problems;
  }

  #put(parent: Node, name: string, entry: StackedEntry): void {
    const kind = kindOf(entry);
    const before = parent.children.get(name);
    if (kind === "directory" && before?.kind === "directory") {
      before.layer = this.#layer;
      before.owner = ownerOf(entry);
    } else {
      parent.children.set(name, node(kind, this.#layer, ownerOf(entry)));
    }
  }

  /** Only against lower layers: a path twice in one layer is a problem of its own. */
  #conflicts(entry: StackedEntry, before: Node | undefined): BlobProblem[] {
    if (before === undefined || before.layer === this.#layer) return [];
    const kind = kindOf(entry);
    if (kind === "directory" && before.kind !== "directory") {
      return [problem("LAYER_HIDES", entry.path, `a directory hides a ${before.kind} of a lower layer`)];
    }
    if (kind !== "directory" && before.kind === "directory") {
      return [problem("LAYER_HIDES", entry.path, `a ${kind} hides a directory of a lower layer`)];
    }
    if (kind === "directory" && before.owner !== "" && before.owner !== ownerOf(entry)) {
      return [
        problem(
          "LAYER_CHANGES",
          entry.path,
          `changes a directory of a lower layer: ${before.owner} to ${ownerOf(entry)}`,
        ),
      ];
    }
    return [];
  }

  #whiteOut(parent: Node, name: string): void {
    if (name === OPAQUE_MARKER) {
      for (const [child, found] of [...parent.children]) this.#removeLower(parent, child, found);
      return;
    }
    const hidden = name.slice(WHITEOUT_PREFIX.length);
    const found = parent.children.get(hidden);
    if (found !== undefined) this.#removeLower(parent, hidden, found);
  }

  #removeLower(parent: Node, name: string, found: Node): void {
    for (const [child, below] of [...found.children]) this.#removeLower(found, child, below);
    if (found.layer < this.#layer && found.children.size === 0) parent.children.delete(name);
  }

  #isFile(path: string): boolean {
    let here: Node | undefined = this.#root;
    for (const part of path.split("/")) here = here?.children.get(part);
    return here !== undefined && here.kind !== "directory";
  }

  /** A parent that no layer states: its owner is whatever the unpacker chooses. */
  #made(parent: Node, name: string): Node {
    const made = node("directory", this.#layer, "");
    parent.children.set(name, made);
    return made;
  }
}

function node(kind: Node["kind"], layer: number, owner: string): Node {
  return { kind, layer, owner, children: new Map() };
}

function kindOf(entry: StackedEntry): Node["kind"] {
  return entry.type === "directory" || entry.type === "symlink" ? entry.type : "file";
}

function ownerOf(entry: StackedEntry): string {
  return `${entry.mode.toString(8)} ${entry.uid}:${entry.gid}`;
}

function problem(code: string, path: string, message: string): BlobProblem {
  return { code, message: `${JSON.stringify(path)}: ${message}` };
}
