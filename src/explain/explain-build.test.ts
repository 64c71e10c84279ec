import { expect, test } from "vitest";
import type { RunKeyDocument } from "../graph/step-key.ts";
import { causeText } from "./cause-text.ts";
import { allSteps } from "./counterpart.ts";
import type { KeyDocument, PackagesDocument } from "./documents.ts";
import type { Witness } from "./evidence.ts";
import { BuildExplainer, type Cause } from "./explain-build.ts";
import type { LoggedBuild, LoggedStep } from "./logged-build.ts";
import { portableBuild, portableWitness } from "./portable-build.ts";

const run = (command: string, below: readonly string[]): RunKeyDocument => ({
  ...({ version: 1, op: "run", platform: "linux/amd64", network: "default", security: "sandbox" } as const),
  ...{ argv: ["/bin/sh", "-c", command], env: [], cwd: "/", user: "", mounts: [], scripts: [], below },
});

const packages = (version: string): PackagesDocument => ({
  ...({
    op: "packages",
    platform: "linux/amd64",
    layoutVersions: {},
    base: "debian",
    bytecode: false,
  } as const),
  packages: [{ ecosystem: "python", name: "numpy", version, archive: `numpy ${version}` }],
  ...{ files: [], created: "1980-01-02T00:00:00Z", settings: {} },
});

type Made = readonly [step: Partial<LoggedStep> & { readonly text: string }, document?: KeyDocument];

let count = 0;

/** A build of one stage, of these steps; each is called by its key, which is its text unless it says otherwise. */
function witness(steps: readonly Made[], more: Partial<LoggedBuild> = {}): Witness {
  count += 1;
  const documents = new Map<string, KeyDocument>();
  const logged = steps.map(([step, document], at): LoggedStep => {
    const key = step.key ?? `${step.text} ${JSON.stringify(document)}`;
    if (document !== undefined) documents.set(key, document);
    const op = document !== undefined && "op" in document && document.op === "packages" ? "packages" : "run";
    return { line: at, op, outcome: "miss", key, contents: [`${key} made`], tookMs: 1, ...step };
  });
  return {
    build: {
      ...({ version: 1, project: "p", source: "Dockerfile", outcome: "built" } as const),
      ...{ id: String(count).padStart(4, "0"), startedMs: count, tookMs: 1 },
      images: [{ platform: "linux/amd64", stages: [{ name: "0", steps: logged }] }],
      ...more,
    },
    document: (key) => documents.get(key),
    listing: () => undefined,
    bound: () => undefined,
  };
}

function causeOf(now: Witness, earlier: readonly Witness[], at = -1): Cause | undefined {
  return new BuildExplainer(now, earlier).cause(now.build.images.flatMap(allSteps).at(at)!);
}

const textOf = (...asked: Parameters<typeof causeOf>) => causeText(causeOf(...asked)!);

test("a package below a step is followed to its version, on this machine or another", () => {
  const build = (version: string) =>
    witness([
      [{ text: "packages", contents: [`numpy ${version}`] }, packages(version)],
      [{ text: "RUN one", contents: [`one ${version}`] }, run("one", [`numpy ${version}`])],
      [{ text: "RUN two" }, run("two", [`numpy ${version}`, `one ${version}`])],
    ]);
  const [before, now] = [build("1.0"), build("2.0")];
  expect(textOf(now, [before])).toBe("numpy 1.0 → 2.0 (packages of 0)");
  expect(textOf(now, [before], 1)).toBe("numpy 1.0 → 2.0 (packages of 0)");
  const told = portableWitness(JSON.parse(JSON.stringify(portableBuild(before, "salt"))), "ci", 1);
  expect(textOf(now, [told], 1)).toBe("numpy 1.0 → 2.0 (packages of 0)");
  expect(causeOf(now, [told], 1)?.comparedWith).toMatchObject({ where: "ci" });
});

test("the newest build with the same step is compared with, not one whose step is only at its place", () => {
  const first = witness([[{ text: "RUN make" }, run("make", ["a"])]]);
  const second = witness([[{ text: "RUN make" }, run("make", ["b"])]]);
  const third = witness([[{ text: "RUN other" }, run("other", ["c"])]]);
  const now = witness([[{ text: "RUN make" }, run("make", ["d"])]]);
  expect(causeOf(now, [first, third, second])?.comparedWith?.id).toBe(second.build.id);
});

test("a step that was put between others is new, and they keep their counterparts", () => {
  const one: Made = [{ text: "RUN one" }, run("one", [])];
  const last = (below: readonly string[]): Made => [{ text: "RUN last" }, run("last", below)];
  const before = witness([one, last(["RUN one"])]);
  const now = witness([
    one,
    [{ text: "RUN put", contents: ["put"] }, run("put", [])],
    last(["RUN one", "put"]),
  ]);
  expect(causeOf(now, [before], 1)?.kind).toBe("new");
  expect(textOf(now, [before], 2)).toBe("RUN put, line 1 is new");
});

test("what is known of the same key says more than any comparison", () => {
  const step = (more: Partial<LoggedStep>): Made => [{ text: "RUN one", key: "k", ...more }, run("one", [])];
  const now = witness([step({})]);
  expect(causeOf(now, [witness([step({ outcome: "hit" })])])?.kind).toBe("lost");
  expect(causeOf(now, [witness([step({ outcome: "failed" })])])?.kind).toBe("failed");
  expect(causeOf(witness([step({ cause: "no-cache" })]), [witness([step({})])])?.kind).toBe("forgotten");
  expect(causeOf(now, [])?.kind).toBe("new");
  expect(causeOf(witness([step({ outcome: "hit" })]), [])).toBeUndefined();
});

test("a build whose documents are not kept any more says so", () => {
  const before = witness([[{ text: "RUN one", key: "lost" }]]);
  const now = witness([[{ text: "RUN one" }, run("one", ["x"])]]);
  expect(causeOf(now, [before])).toMatchObject({ kind: "unknown", comparedWith: { id: before.build.id } });
});

test("a step that was done again and left something else is the cause of those above", () => {
  const below: Made = [{ text: "RUN date", key: "date", contents: ["1"] }, run("date", [])];
  const again: Made = [{ ...below[0], contents: ["2"], cause: "no-cache" }, run("date", [])];
  const before = witness([below, [{ text: "RUN use" }, run("use", ["1"])]]);
  const now = witness([again, [{ text: "RUN use" }, run("use", ["2"])]]);
  expect(textOf(now, [before])).toBe("--no-cache: RUN date left something else");
});

test("what a merge above took over as it is counts for the step that made it", () => {
  const build = (content: string) =>
    witness([
      [{ text: "RUN make", contents: [content] }, run(`make ${content}`, [])],
      [{ text: "MERGE", contents: [content] }, run("merge", [])],
      [{ text: "RUN use" }, run("use", [content])],
    ]);
  const cause = causeOf(build("2"), [build("1")]);
  expect(cause?.differences).toMatchObject([{ field: "below", because: { step: { text: "RUN make" } } }]);
});

test("of a hundred steps that stand on one another only the one that changed is told", () => {
  const build = (content: string) => {
    const steps: Made[] = [[{ text: "RUN root", contents: [content] }, run(`root ${content}`, [])]];
    for (let at = 1; at <= 100; at++) {
      const below = steps.flatMap(([{ contents = [] }]) => contents);
      steps.push([{ text: `RUN ${at}`, contents: [`${at} ${content}`] }, run(`${at}`, below)]);
    }
    return witness(steps);
  };
  const cause = causeOf(build("2"), [build("1")]);
  expect(cause?.differences).toHaveLength(1);
  expect(cause?.differences[0]).toMatchObject({
    because: { step: { text: "RUN root" }, differences: [{ field: "command" }] },
  });
});
