import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { cacheExamples } from "./examples/cache.ts";
import { debianExamples } from "./examples/debian.ts";
import type { Example } from "./examples/example.ts";
import { generatedEntries } from "./examples/generated-files.ts";
import { imageExamples } from "./examples/image.ts";
import { keyExamples } from "./examples/keys.ts";
import { layerExamples } from "./examples/layer.ts";
import { lockExamples } from "./examples/lock.ts";
import { mountSnapshotExamples } from "./examples/mount-snapshot.ts";
import { pythonExamples } from "./examples/python.ts";
import { recordExamples } from "./examples/record.ts";
import { segmentExamples } from "./examples/segment.ts";
import { storeExamples } from "./examples/store.ts";

const FOLDER = fileURLToPath(new URL("../../docs/formats/", import.meta.url));

const PAGES: Readonly<Record<string, () => Example[] | Promise<Example[]>>> = {
  "segment.md": segmentExamples,
  "layer.md": layerExamples,
  "keys.md": keyExamples,
  "python.md": pythonExamples,
  "debian.md": debianExamples,
  "cambium-lock.md": lockExamples,
  "store.md": storeExamples,
  "image.md": imageExamples,
  "record.md": recordExamples,
  "cache.md": cacheExamples,
  "mount-snapshot.md": mountSnapshotExamples,
};

/** A quoted example: its marker, then a fenced block. */
const QUOTED = /<!-- example: ([a-z-]+) -->\n```(\w*)\n((?:(?!```).*\n)*)```$/gm;

/** `UPDATE_FORMATS=1 vitest run tests/docs` writes what the code gives into the pages; read the difference. */
const isUpdating = process.env.UPDATE_FORMATS === "1";

test.for(Object.entries(PAGES))("docs/formats/%s quotes what the code gives", async ([page, compute]) => {
  const path = `${FOLDER}${page}`;
  const computed = new Map((await compute()).map(({ name, text }) => [name, text]));
  if (isUpdating) {
    const before = readFileSync(path, "utf8");
    const after = before.replace(QUOTED, (whole, name: string, language: string) => {
      const text = computed.get(name);
      return text === undefined ? whole : `<!-- example: ${name} -->\n\`\`\`${language}\n${text}\n\`\`\``;
    });
    if (after !== before) writeFileSync(path, after);
  }
  const quoted = [...readFileSync(path, "utf8").matchAll(QUOTED)].map(([, name = "", , text = ""]) => ({
    name,
    text,
  }));
  expect(quoted.map(({ name }) => name).sort()).toEqual([...computed.keys()].sort());
  for (const { name, text } of quoted)
    expect({ name, text }).toEqual({ name, text: `${computed.get(name)}\n` });
});

test("every page of docs/formats has examples that are recomputed, and is in the index", () => {
  const pages = readdirSync(FOLDER).filter((name) => name !== "README.md");
  expect(pages.sort()).toEqual(Object.keys(PAGES).sort());
  const index = readFileSync(`${FOLDER}README.md`, "utf8");
  for (const page of pages) expect(index).toContain(`](${page})`);
});

type Row = { readonly paths: readonly RegExp[]; readonly kind: string; readonly owner: string };

/** Rows of the table of generated files: `<x>` stands for one part of a path, `…` for any rest. */
function generatedRows(): Row[] {
  const text = readFileSync(`${FOLDER}debian.md`, "utf8");
  const table = /<!-- generated files -->\n([\s\S]*?)\n\n/.exec(text)?.[1] ?? "";
  return table
    .split("\n")
    .slice(2)
    .map((line) => line.split("|").map((cell) => cell.trim()))
    .map(([, paths = "", kind = "", owner = ""]) => ({
      paths: [...paths.matchAll(/`([^`]+)`/g)].map(
        ([, path = ""]) =>
          new RegExp(
            `^${path
              .replace(/[.+]/g, "\\$&")
              .replace("<8 hex>", "[0-9a-f]{8}")
              .replace(/<[^>]+>/g, "[^/]+")
              .replace(/…/g, ".+")}$`,
          ),
      ),
      kind,
      owner,
    }));
}

test("docs/formats/debian.md lists every generated file with its mode and owner, and nothing else", () => {
  const rows = generatedRows();
  expect(rows.length).toBeGreaterThan(20);
  const used = new Set<RegExp>();
  for (const suite of ["bookworm", "trixie"] as const) {
    for (const { type, path, mode, uid, gid } of generatedEntries(suite)) {
      const kind =
        type === "symlink"
          ? "link"
          : `${type === "directory" ? "dir" : type} ${mode.toString(8).padStart(4, "0")}`;
      const fitting = rows.filter((row) => row.paths.some((it) => it.test(path)));
      expect({ path, rows: fitting.map((row) => `${row.kind} ${row.owner}`) }).toEqual({
        path,
        rows: [`${kind} ${uid >= 1000 ? "its own" : `${uid}:${gid}`}`],
      });
      for (const it of fitting.flatMap((row) => row.paths)) if (it.test(path)) used.add(it);
    }
  }
  const unused = rows.flatMap((row) => row.paths).filter((it) => !used.has(it));
  expect(unused.map(String)).toEqual([]);
});
