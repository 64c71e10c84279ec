import { execFileSync } from "node:child_process";
import { readFileSync, realpathSync } from "node:fs";
import type { Layer } from "../../src/layer/layer.ts";
import { type HandMade, layerOf } from "./layers.ts";
import { toolOf } from "./needs.ts";

/** What steps in tests use; `sh` is the host's. */
const PROGRAMS =
  "sh cat chmod chown cp dd echo env grep id ln ls mkdir mkfifo mknod mv ps pwd rm rmdir sleep stat tail touch truncate true wc";

const passwd = "root:x:0:0:root:/root:/bin/sh\nbob:x:7:8:bob:/home/bob:/bin/sh\n";
const group = "root:x:0:\nbobs:x:8:\nmore:x:9:bob\n";

let made: Layer | undefined;

/** A layer with a shell and small programs of this machine and their libraries: nothing has to be fetched. */
export function hostLayer(): Layer {
  made ??= make();
  return made;
}

/** A program of this machine and its libraries, as entries below `bin` and where the libraries are. */
export function programEntries(...names: readonly string[]): HandMade[] {
  const files = new Map<string, string>();
  for (const name of names) {
    const path = realpathSync(toolOf(name));
    files.set(`bin/${name}`, path);
    for (const [, library] of execFileSync("ldd", [path], { encoding: "utf8" }).matchAll(/(\/\S+) \(0x/g)) {
      files.set(library!.slice(1), realpathSync(library!));
    }
  }
  return [...files].map(([path, source]) => ({ path, file: readFileSync(source), mode: 0o755 }));
}

function make(): Layer {
  const entries = programEntries(...PROGRAMS.split(" "));
  const texts = [
    { path: "etc/passwd", file: passwd },
    { path: "etc/group", file: group },
    { path: "data/one", file: "one\n" },
    { path: "data/two", file: "two\n" },
    { path: "data/deep/three", file: "three\n" },
  ];
  return layerOf(...withParents([...entries, ...texts]), { path: "tmp", directory: true, mode: 0o1777 });
}

function withParents(entries: readonly HandMade[]): HandMade[] {
  const parents = new Set<string>();
  for (const { path } of entries) {
    const parts = path.split("/");
    for (let count = 1; count < parts.length; count++) parents.add(parts.slice(0, count).join("/"));
  }
  return [...[...parents].sort().map((path) => ({ path, directory: true as const })), ...entries];
}
