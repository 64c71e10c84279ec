import fc from "fast-check";
import { expect, test } from "vitest";
import type { RunKeyDocument } from "../graph/step-key.ts";
import { allSteps } from "./counterpart.ts";
import type { FileKeyDocument, KeyDocument } from "./documents.ts";
import type { Witness } from "./evidence.ts";
import { BuildExplainer } from "./explain-build.ts";
import { portableBuild, portableWitness } from "./portable-build.ts";
import { readPortableBuild } from "./read-portable.ts";

const SECRET = "value-of-a-build-argument";

function witness(text: string, id: string, startedMs: number): Witness {
  const copy: FileKeyDocument = {
    ...{ version: 1, layoutVersions: { files: 1 }, sources: [], below: ["base"], mtimeSec: 1 },
    step: {
      op: "copy",
      sources: [{ kind: "files", from: { kind: "stage", stage: 0 }, paths: [SECRET], isUnpacked: false }],
      ...{ destination: `/${SECRET}`, isLinked: false, keepsParents: false, exclude: [] },
    },
  };
  const run: RunKeyDocument = {
    ...({ version: 1, op: "run", platform: "linux/amd64", network: "default", security: "sandbox" } as const),
    ...{ argv: ["/bin/sh", "-c", SECRET], env: [["TOKEN", `${SECRET} ${text}`]], cwd: "/", user: SECRET },
    mounts: [{ type: "bind", target: `/${SECRET}`, content: `shown ${text}`, isReadOnly: true }],
    ...{ scripts: [], below: ["base", `copied ${text}`] },
  };
  const documents = new Map<string, KeyDocument>([
    ["copy", copy],
    [`run ${text}`, run],
  ]);
  const step = { line: 1, outcome: "miss", tookMs: 1 } as const;
  return {
    build: {
      ...({ version: 1, outcome: "built", project: SECRET, source: "Dockerfile", folder: SECRET } as const),
      ...{ id, startedMs, tookMs: 1 },
      images: [
        {
          platform: "linux/amd64",
          stages: [
            {
              name: SECRET,
              steps: [
                { ...step, text: SECRET, op: "copy", key: "copy", contents: [`copied ${text}`] },
                { ...step, text: `RUN ${SECRET}`, op: "run", key: `run ${text}`, contents: [] },
              ],
            },
          ],
        },
      ],
    },
    document: (key) => documents.get(key),
    listing: (content) => [
      { path: SECRET, type: "file", mode: 0o644, uid: 0, gid: 0, content: `digest of ${content}` },
    ],
    bound: () => ({ source: SECRET, contents: [`copied ${text}`] }),
  };
}

const portable = () => portableBuild(witness("one", "a", 1), "salt");

test("what travels has no value of ours, and no name of a file", () => {
  const told = JSON.stringify(portable());
  expect(told).not.toContain(SECRET);
  expect(told).not.toContain("digest of");
  expect(told).toContain("TOKEN");
});

test("it is read as it was written", () => {
  const told: unknown = JSON.parse(JSON.stringify(portable()));
  expect(readPortableBuild(told)).toEqual(told);
});

/** A document with one value in it, wherever it is, replaced. */
function damaged(value: unknown, path: readonly number[], by: unknown): unknown {
  const [first, ...rest] = path;
  if (first === undefined || typeof value !== "object" || value === null) return by;
  const entries = Object.entries(value);
  if (entries.length === 0) return by;
  const [name] = entries[first % entries.length]!;
  const changed = entries.map(([key, part]) => [key, key === name ? damaged(part, rest, by) : part]);
  return Array.isArray(value) ? changed.map(([, part]) => part) : Object.fromEntries(changed);
}

test("whatever another machine tells, a build is explained", () => {
  const now = witness("two", "b", 2);
  fc.assert(
    fc.property(fc.array(fc.nat(50), { maxLength: 9 }), fc.jsonValue(), (path, by) => {
      const read = readPortableBuild(damaged(JSON.parse(JSON.stringify(portable())), path, by));
      const earlier = read === undefined ? [] : [portableWitness(read, "elsewhere", 1)];
      const explainer = new BuildExplainer(now, earlier);
      for (const place of now.build.images.flatMap(allSteps)) expect(explainer.cause(place)).toBeDefined();
    }),
    { numRuns: 500 },
  );
});
