import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { explain } from "../../src/actions/explain/explain.ts";
import { loggedBuilds } from "../../src/actions/explain/kept-builds.ts";
import { storeWitness } from "../../src/actions/explain/store-witness.ts";
import type { ExplainedStep, ExplainResult } from "../../src/actions/results.ts";
import { causeText } from "../../src/explain/cause-text.ts";
import { allSteps } from "../../src/explain/counterpart.ts";
import type { Difference } from "../../src/explain/difference.ts";
import { BuildExplainer } from "../../src/explain/explain-build.ts";
import { portableBuild, portableWitness } from "../../src/explain/portable-build.ts";
import { readPortableBuild } from "../../src/explain/read-portable.ts";
import { digestOf } from "../../src/layer/digest.ts";
import { openStore } from "../../src/store/store.ts";
import { type StepWorld, startStepWorld } from "../dockerfile/step-world.ts";
import { needs } from "../support/needs.ts";
import type { Machine } from "../support/registry-bases.ts";
import { type MissCase, missCases } from "./misses.ts";
import "../support/in-memory.ts";

describe.runIf(needs("docker-registry", "runc", "root"))("explain names the cause of a miss:", () => {
  let steps: StepWorld;
  let machine: Machine;

  beforeAll(async () => {
    steps = await startStepWorld();
    machine = steps.newMachine();
  });
  afterAll(async () => steps?.[Symbol.asyncDispose]());

  test.for(missCases)("$name", async (one) => {
    // So that no two cases share a step.
    const number = missCases.indexOf(one);
    const own = (text: string) => text.replaceAll(/^(FROM base.*)$/gm, `$1\nENV CASE=${number}`);
    const files = Object.entries(one.files ?? {}).map(([path, text]) => [
      path,
      path.startsWith(".") ? text : `${text} of ${number}\n`,
    ]);
    const folder = steps.context(own(one.dockerfile), Object.fromEntries(files));
    if (one.name === "a link's target") symlinkSync("a", join(folder, "src/link"));
    const build = async (args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) =>
      machine.run(["build", folder, "--progress", "plain", "--platform", "linux/amd64", ...args], { env });
    const isFailing = one.dockerfile.includes("exit 1");
    expect(await build(one.args, one.env)).toMatchObject({ exitCode: isFailing ? 1 : 0 });
    if (one.changed !== undefined) {
      const text = own(one.changed).replaceAll("FROM base", `FROM ${steps.base}`);
      writeFileSync(join(folder, "Dockerfile"), text);
    }
    one.change?.(folder);
    const second = await build(one.changedArgs ?? one.args, one.changedEnv ?? one.env);
    expect(second).toMatchObject({ exitCode: isFailing ? 1 : 0 });
    const explained = await explainedIn(machine, folder);
    const step = stepIn(explained, one);
    expect(unmoved(step.cause?.text ?? "", own(one.changed ?? one.dockerfile))).toBe(one.cause);
    expect(step.outcome).toBe(isFailing ? "failed" : "miss");
    if (one.root !== undefined) expect(rootOf(step.cause?.differences ?? [])).toMatchObject(one.root);
    if (one.isOfMachine !== true) {
      const told = causeElsewhere(machine.store, explained.build.id, one);
      expect(unmoved(told, own(one.changed ?? one.dockerfile))).toBe(
        one.elsewhere ?? (one.isPlain === true ? one.cause : withoutEarlier(one.cause)),
      );
    }
  });
});

/** In this process, since that is faster; `command.test.ts` has the command. */
function explainedIn({ store }: Machine, folder: string): Promise<ExplainResult> {
  const { signal } = new AbortController();
  return explain({ storeRoot: store, cwd: folder, env: {}, signal, emit: () => undefined });
}

function stepIn({ images }: ExplainResult, { step }: MissCase): ExplainedStep {
  const all = images.flatMap(({ stages }) => stages.flatMap((stage) => stage.steps));
  const found = all.findLast(({ text, outcome }) => text.startsWith(step) && outcome !== "hit");
  if (found === undefined)
    throw new Error(`no ${step} among ${all.map(({ text, outcome }) => `${outcome} ${text}`).join(", ")}`);
  return found;
}

/** What the second build says where the first was another machine's, of which only what travels is known. */
function causeElsewhere(root: string, id: string, { step: wanted }: MissCase): string {
  const store = openStore(root);
  try {
    const builds = loggedBuilds(store);
    const at = builds.findIndex((build) => build.id === id);
    const salt = digestOf(id);
    const told = JSON.stringify(portableBuild(storeWitness(builds[at - 1]!, store), salt));
    const read = readPortableBuild(JSON.parse(told));
    const explainer = new BuildExplainer(storeWitness(builds[at]!, store), [portableWitness(read!, "ci", 1)]);
    const steps = builds[at]!.images.flatMap(allSteps);
    const place = steps.findLast(({ step }) => step.text.startsWith(wanted) && step.outcome !== "hit")!;
    return causeText(explainer.cause(place)!);
  } finally {
    store.close();
  }
}

function rootOf([first]: readonly Difference[]): Difference | undefined {
  const deeper = first?.because?.differences ?? [];
  return deeper.length === 0 ? first : rootOf(deeper);
}

/** Without the value that another machine had. */
function withoutEarlier(cause: string): string {
  return cause.replace(/: .* → /, ": now ");
}

/** Lines as the case counts them: without the variables. */
function unmoved(cause: string, dockerfile: string): string {
  const lines = dockerfile.split("\n");
  return cause.replace(/line (\d+)/, (_, line: string) => {
    const added = lines.slice(0, Number(line)).filter((text) => text.startsWith("ENV CASE="));
    return `line ${Number(line) - added.length}`;
  });
}
