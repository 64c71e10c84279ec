import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { BuildTrace } from "../../explain/build-trace.ts";
import type { LoggedBuild } from "../../explain/logged-build.ts";
import { readPortableBuild } from "../../explain/read-portable.ts";
import { openStore, type Store } from "../../store/store.ts";
import { buildsOfElsewhere, buildToTell, keepBuildOfElsewhere } from "./elsewhere.ts";

function withStore(work: (store: Store) => void): void {
  const folder = mkdtempSync(join(tmpdir(), "cambium-elsewhere-"));
  const store = openStore(join(folder, "store"));
  try {
    work(store);
  } finally {
    store.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A trace of a build that knew the base below its one image. */
function traceAt(startedMs: number): BuildTrace {
  const trace = new BuildTrace();
  trace.about = () => ({ id: `build-${startedMs}`, project: "p", source: "Dockerfile", startedMs });
  const document = () => ({ op: "base", reference: "base:1", digest: "sha256:1" }) as const;
  trace.packages("linux/amd64", { outcome: "miss", key: "key", document, tookMs: 7 }, ["content"]);
  return trace;
}

const ours = (project: string, startedMs: number): LoggedBuild => ({
  ...({ version: 1, id: "now", source: "Dockerfile", outcome: "built" } as const),
  ...{ project, startedMs, tookMs: 1, images: [] },
});

test("a build that is told elsewhere is compared with there, if it is of the same project", () => {
  withStore((store) => {
    const told = buildToTell({ store, trace: traceAt(5) }, "salt");
    const read = readPortableBuild(JSON.parse(JSON.stringify(told)));
    keepBuildOfElsewhere(read!, "registry.example/app", { store, trace: traceAt(7) });
    keepBuildOfElsewhere(read!, "registry.example/app", { store, trace: traceAt(7) });
    const [found, ...others] = buildsOfElsewhere(ours("p", Date.now()), store);
    expect(others).toEqual([]);
    expect(found?.build).toMatchObject({ outcome: "built", where: "registry.example/app" });
    const [step] = found!.build.images[0]!.stages[0]!.steps;
    expect(found!.document(step!.key!)).toMatchObject({ op: "base" });
    expect(JSON.stringify(found!.build)).not.toContain('"key":"key"');
    expect(buildsOfElsewhere(ours("other", Date.now()), store)).toEqual([]);
    expect(buildsOfElsewhere(ours("p", 5), store)).toEqual([]);
  });
});

test("nothing is kept for what is no build", () => {
  withStore((store) => {
    const told = buildToTell({ store, trace: traceAt(5) }, "salt");
    keepBuildOfElsewhere(told!, "registry.example/app", { store, trace: new BuildTrace() });
    expect(store.records.list("build-elsewhere")).toEqual([]);
  });
});

test("a build of which nothing was looked at has nothing to tell", () => {
  withStore((store) => {
    expect(buildToTell({ store, trace: new BuildTrace() }, "salt")).toBeUndefined();
  });
});
