import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { expect, test } from "vitest";
import { copyBench } from "../../../tests/support/copy-bench.ts";
import { temporaryFolder } from "../../../tests/support/temporary-folder.ts";
import type { Stage, StageGraph, Step } from "../../graph/stages.ts";
import { digestOf } from "../../layer/digest.ts";
import type { Workbench } from "../../solve/workbench.ts";
import { stagesKey } from "./stages-key.ts";

const config = { env: [], labels: {}, exposedPorts: [], volumes: [], onBuild: [], emptyHistory: [] };
const run: Step = {
  ...({ op: "run" } as const),
  ...{ line: 2, text: "RUN true", argv: ["true"], env: [], cwd: "/", user: "" },
  ...({ network: "default", security: "sandbox" } as const),
  ...{ mounts: [], scripts: [] },
};
const stage: Stage = {
  name: "0",
  platform: { os: "linux", architecture: "amd64" },
  base: { kind: "image", reference: "docker.io/library/debian:12", digest: digestOf("base") },
  steps: [run],
  config,
};

type Settings = Parameters<typeof stagesKey>[1];

function keyOf(changes: Partial<Stage>, others: Partial<StageGraph> = {}, given: Partial<Settings> = {}) {
  const bench = { signal: new AbortController().signal } as Workbench;
  const graph: StageGraph = { stages: [{ ...stage, ...changes }], target: 0, proxies: [], ...others };
  const context = { context: { root: "/nowhere" }, contexts: new Map() };
  return stagesKey(graph, { ...context, network: "host", ...given }, "1980-01-02T00:00:00Z", bench);
}

test.for<[what: string, changes: Partial<Stage>]>([
  ["the base's digest", { base: { kind: "image", reference: "debian:12", digest: digestOf("other") } }],
  ["a command", { steps: [{ ...run, argv: ["false"] }] }],
  ["its text, which the history has", { steps: [{ ...run, text: "RUN  true" }] }],
  ["a label", { config: { ...config, labels: { line: "2" } } }],
  ["another label", { config: { ...config, labels: { reference: "x" } } }],
  ["a variable", { config: { ...config, env: [["line", "2"]] } }],
])("%s is in the key", async ([, changes]) => {
  expect(await keyOf(changes)).not.toBe(await keyOf({}));
});

test.for<[what: string, given: Partial<Settings>]>([
  ["the network of steps that say nothing", { network: "none" }],
  ["the time that steps rewrite, even one that images have anyway", { sourceDateEpoch: 315_619_200 }],
])("%s is in the key", async ([, given]) => {
  expect(await keyOf({}, {}, given)).not.toBe(await keyOf({}));
});

test.for<[what: string, changes: Partial<Stage>, others: Partial<StageGraph>]>([
  ["where a step stands", { steps: [{ ...run, line: 9 }] }, {}],
  ["what a base is called", { base: { kind: "image", reference: "other", digest: digestOf("base") } }, {}],
  ["a proxy", {}, { proxies: [["http_proxy", "http://127.0.0.1:9"]] }],
  ["what is to be done again", {}, { forgotten: [0] }],
])("%s is not in the key", async ([, changes, others]) => {
  expect(await keyOf(changes, others)).toBe(await keyOf({}));
});

test("what a COPY takes is in the key, and only that; its times are not", async () => {
  using folder = temporaryFolder();
  await using bench = copyBench();
  const copy: Step = {
    ...({ op: "copy" } as const),
    ...{
      line: 3,
      text: "COPY app .",
      destination: "/app/",
      exclude: [],
      isLinked: false,
      keepsParents: false,
    },
    sources: [{ kind: "files", from: { kind: "context" }, paths: ["app"], isUnpacked: false }],
  };
  const graph: StageGraph = { stages: [{ ...stage, steps: [copy] }], target: 0, proxies: [] };
  const settings: Settings = { context: { root: folder.path }, contexts: new Map(), network: "host" };
  const key = async () => {
    // Only of files that are older something is remembered.
    await setTimeout(150);
    const its = { ...bench, openContexts: new Map() } as unknown as Workbench;
    return stagesKey(graph, settings, "1980-01-02T00:00:00Z", its);
  };
  mkdirSync(join(folder.path, "app"));
  const write = (name: string, text: string) => writeFileSync(join(folder.path, name), text);
  write("app/main.py", "print(1)\n");
  const first = await key();
  expect(first).toBeDefined();
  expect(bench.store.records.list("taken")).toHaveLength(1);
  write("beside", "x");
  expect(await key()).toBe(first);
  expect(bench.store.records.list("taken")).toHaveLength(1);
  write("app/main.py", "print(2)\n");
  expect(await key()).not.toBe(first);
  write("app/main.py", "print(1)\n");
  expect(await key()).toBe(first);
  expect(bench.store.records.list("taken")).toHaveLength(3);
});
