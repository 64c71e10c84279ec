import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { inflateRawSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readArchive } from "../../src/ecosystems/python/archive.ts";
import { transcodeWheel } from "../../src/ecosystems/python/transcode.ts";
import { venvSegment, venvSegmentFiles } from "../../src/ecosystems/python/wheel/venv.ts";
import { archiveInMemory } from "../../src/ecosystems/python/zip/archive-file.ts";
import { type ArrangedSegment, arrange } from "../../src/layer/arrange.ts";
import { type Digest, digestOf } from "../../src/layer/digest.ts";
import type { Segment, SegmentFile } from "../../src/layer/segment.ts";
import { type CorpusWheel, corpus, fetchCorpus, namespaceCommand, pipWheel, wheelPath } from "./corpus.ts";
import { type OddWheel, writeOddWheels } from "./odd-wheels.ts";
import differences from "./pip-differences.json" with { type: "json" };
import type { TreeEntry } from "./tree.ts";

const scratch = mkdtempSync(join(tmpdir(), "pip-differential-"));
const odd = writeOddWheels(join(scratch, "odd"));
const wheels: readonly Wheel[] = [...corpus, ...odd];
const blobs = new Map<Digest, Uint8Array>();
/** As a snapshot has them: paths below the venv's links are where they truly land. */
let arranged: ReadonlyMap<string, ArrangedSegment>;
/** What pip left, by path. */
let installed: ReadonlyMap<string, TreeEntry>;

type Wheel = CorpusWheel | OddWheel;

beforeAll(async () => {
  await fetchCorpus();
  installed = new Map(installByPip().map((entry) => [entry.path, entry]));
  const segments: Segment[] = [];
  for (const wheel of wheels) {
    const path = "path" in wheel ? wheel.path : wheelPath(wheel);
    const directUrl = "directUrl" in wheel ? { directUrl: wheel.directUrl } : {};
    const input = {
      path,
      digest: `sha256:${wheel.sha256}` as Digest,
      filename: wheel.filename,
      ...directUrl,
    };
    segments.push(await transcodeWheel(input, { put }));
  }
  const { tiers, conflicts } = arrange([
    [venvSegment({ version: "3.11", path: "/usr/bin/python3.11" }, { put }), ...segments],
  ]);
  expect(conflicts).toEqual([]);
  arranged = new Map(tiers[0]!.segments.map((it) => [it.segment.key, it]));
}, 600_000);

afterAll(() => rmSync(scratch, { recursive: true }));

function put(bytes: Uint8Array): Digest {
  const digest = digestOf(bytes);
  blobs.set(digest, bytes);
  return digest;
}

/** The venv must truly be at /opt/venv, since scripts name it: hence a mount namespace. */
function installByPip(): TreeEntry[] {
  const output = join(scratch, "tree.json");
  const [command, ...args] = namespaceCommand(
    process.execPath,
    join(import.meta.dirname, "pip-in-namespace.ts"),
    wheelPath(pipWheel),
    output,
    `--find-links=${dirname(wheelPath(pipWheel))}`,
    `--find-links=${join(scratch, "odd")}`,
    ...wheels.map((it) => ("directUrl" in it ? it.path : `${it.name}==${it.version}`)),
  );
  execFileSync(command!, args);
  return JSON.parse(readFileSync(output, "utf8"));
}

/** The files of a wheel's segment, at the paths where they land. */
function filesOf(wheel: Wheel): SegmentFile[] {
  const it = arranged.get(wheel.name);
  if (it === undefined) throw new Error(`${wheel.name} was not transcoded`);
  return it.segment.entries.map((entry) => {
    if (entry.type !== "file") throw new Error(`${entry.path} is a ${entry.type}`);
    return { ...entry, path: it.renamed.get(entry.path) ?? entry.path };
  });
}

function textOf(file: SegmentFile): string {
  if (file.payload === undefined) return "";
  const { blob, offset, length } = file.payload;
  return inflateRawSync(blobs.get(blob)!.subarray(offset, offset + length)).toString();
}

describe("files equal those of pip 26.3 install --no-deps --no-compile", () => {
  test.each(wheels)("$filename", (wheel) => {
    const wrong: unknown[] = [];
    for (const entry of filesOf(wheel)) {
      const pip = installed.get(entry.path);
      if (pip?.type !== "file") {
        wrong.push({ path: entry.path, pip });
        continue;
      }
      const ours = { mode: entry.mode, sha256: entry.digest.slice(7) };
      const theirs = { mode: pip.mode, sha256: sha256(expected(pip)) ?? pip.sha256 };
      if (JSON.stringify(ours) !== JSON.stringify(theirs)) wrong.push({ path: entry.path, ours, theirs });
    }
    expect(wrong).toEqual([]);
  });

  test("and nothing else is there but the venv", () => {
    const ours = new Map<string, string>();
    for (const wheel of wheels) for (const { path } of filesOf(wheel)) ours.set(path, "file");
    for (const entry of venvSegmentFiles({ version: "3.11", path: "/usr/bin/python3.11" })) {
      if (entry.type === "symlink") ours.set(entry.path, entry.target);
      else if (entry.type === "file") ours.set(entry.path, "file");
    }
    const theirs = new Map(
      [...installed].map(([path, it]) => [path, it.type === "symlink" ? it.target : "file"]),
    );
    expect([...ours].filter(([path, what]) => theirs.get(path) !== what)).toEqual([]);
    expect([...theirs].filter(([path, what]) => ours.get(path) !== what)).toEqual([]);
  });

  test("the accepted differences are real: each is met in every wheel", () => {
    for (const wheel of wheels) {
      const installer = filesOf(wheel).find((it) =>
        /site-packages\/[^/]+\.dist-info\/INSTALLER$/.test(it.path),
      )!;
      expect(textOf(installer)).toBe(differences[0]!.ours);
      expect(installed.get(installer.path)).toMatchObject({ text: differences[0]!.pip });
    }
    expect(differences.map((it) => it.file)).toEqual(["INSTALLER", "RECORD"]);
  });
});

/** pip's text with the accepted differences applied, where it is one of the two files that may differ. */
function expected(pip: TreeEntry): string | undefined {
  if (pip.type !== "file" || pip.text === undefined) return undefined;
  const { pip: theirs, ours } = differences[0] as { pip: string; ours: string };
  if (pip.path.endsWith("/INSTALLER")) return pip.text === theirs ? ours : pip.text;
  const row = (text: string) =>
    `/INSTALLER,sha256=${createHash("sha256").update(text).digest("base64url")},${text.length}\r\n`;
  return pip.text.replace(row(theirs), row(ours));
}

function sha256(text: string | undefined): string | undefined {
  return text === undefined ? undefined : createHash("sha256").update(text).digest("hex");
}

test("the corpus has every kind of wheel that the comparison is about", () => {
  const kinds = { extension: 0, data: 0, scripts: 0, headers: 0, pth: 0, nested: 0 };
  const namespaces = new Map<string, number>();
  for (const wheel of corpus) {
    const bytes = readFileSync(wheelPath(wheel));
    const paths = readArchive(archiveInMemory(bytes, wheel.filename), wheel.filename)
      .members.filter((it) => !it.isDirectory)
      .map((it) => it.path);
    const has = (pattern: RegExp) => (paths.some((path) => pattern.test(path)) ? 1 : 0);
    kinds.extension += has(/\.so$/);
    kinds.data += has(/^[^/]+\.data\/data\//);
    kinds.scripts += has(/^[^/]+\.data\/scripts\//);
    kinds.headers += has(/^[^/]+\.data\/headers\//);
    kinds.pth += has(/^[^/]+\.pth$/);
    kinds.nested += has(/^[^/]+\/.*\.dist-info\/METADATA$/);
    for (const family of ["google", "zope", "ruamel", "sphinxcontrib"]) {
      namespaces.set(family, (namespaces.get(family) ?? 0) + has(new RegExp(`^${family}/`)));
    }
  }
  expect(corpus.length).toBeGreaterThanOrEqual(60);
  expect(kinds.extension).toBeGreaterThanOrEqual(25);
  expect(kinds.data).toBeGreaterThanOrEqual(5);
  expect(kinds.scripts).toBeGreaterThanOrEqual(2);
  expect(kinds.headers).toBeGreaterThanOrEqual(1);
  expect(kinds.pth).toBeGreaterThanOrEqual(2);
  expect(kinds.nested).toBeGreaterThanOrEqual(2);
  expect([...namespaces.values()].filter((count) => count >= 2).length).toBeGreaterThanOrEqual(2);
});
