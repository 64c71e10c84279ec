import { spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { root } from "../../scripts/paths.ts";
import { ageStore } from "../support/aged-store.ts";
import type { Ran } from "../support/command.ts";
import { hostLayer } from "../support/host-layer.ts";
import { needs } from "../support/needs.ts";
import { digestIn } from "../support/project.ts";
import { type BaseWorld, type Machine, moduleWheel, startBaseWorld } from "../support/registry-bases.ts";
import { illnessesOf } from "../support/store-health.ts";

const ROUNDS = 6;
const WHEELS = ["alpha", "beta", "gamma"].map((name) =>
  moduleWheel(name, { content: Buffer.alloc(40_000, name) }),
);

/** All that a running build may come to read: the store is old, and a prune of everything never rests. */
describe.runIf(needs("docker-registry", "runc", "root"))("a prune of everything beside builds", () => {
  let world: BaseWorld;
  let machine: Machine;
  let python: string;
  let shell: string;

  beforeAll(async () => {
    world = await startBaseWorld(WHEELS);
    machine = world.machine("machine");
    python = await world.pushBase("python:1", (await world.debian()).layers);
    shell = await world.pushBase("shell:1", [hostLayer()], { env: [["PATH", "/bin"]] });
  });
  afterAll(async () => world?.[Symbol.asyncDispose]());

  const build = (project: string, name: string): Promise<Ran> =>
    machine.run(
      [
        ...["build", project, "--progress", "plain", "--platform", "linux/amd64"],
        ...(name.startsWith("app") ? ["--default-index", world.index.url] : []),
        ...["-t", `${world.registry.address}/${name}`, "--push"],
        ...["-o", `type=oci,dest=${world.at(`${name.replace(":", "-")}.tar`)}`],
      ],
      { env: { SOURCE_DATE_EPOCH: "1700000000", CAMBIUM_PROJECT: "p" } },
    );

  test("packages, steps, copies, cache mounts and pushes come out right, round after round", async () => {
    const app = (body: string) => ({
      "cambium.yaml": `from: ${python}\npython: requirements.txt\ncopy: app.py\ncmd: [python, app.py]\n`,
      "requirements.txt": "alpha\nbeta\ngamma\n",
      "app.py": body,
    });
    const dockerfile = (body: string) => ({
      Dockerfile: `FROM ${shell} AS made
RUN --mount=type=cache,target=/cache,id=c echo ${"x".repeat(2000)} > /cache/f; cat /cache/f > /big; echo made > /made
COPY one.txt /one
FROM ${shell}
COPY --from=made /made /one /
RUN echo ran > /ran; mkdir /d; chmod 750 /d
COPY two.txt /two
`,
      "one.txt": "one\n",
      "two.txt": body,
    });
    const projects = ["a", "b"].flatMap((text) => [
      { name: `app:${text}`, folder: world.project(`app-${text}`, app(`print("${text}")\n`)) },
      { name: `step:${text}`, folder: world.project(`step-${text}`, dockerfile(`${text}\n`)) },
    ]);
    const digests = new Map<string, string>();
    for (const { name, folder } of projects) digests.set(name, digestIn(await build(folder, name)));
    let removed = 0;
    for (let round = 0; round < ROUNDS; round++) {
      ageStore(machine.store, 48);
      await using pruner = startPruner(machine.store, world.at("stop"), (round % 4) * 120);
      const [one, two] = round % 2 === 0 ? [projects[0]!, projects[1]!] : [projects[2]!, projects[3]!];
      const built = await Promise.all(
        [one, two].map(async ({ name, folder }) => [name, digestIn(await build(folder, name))] as const),
      );
      for (const [name, digest] of built) expect(digest, `${name} in round ${round}`).toBe(digests.get(name));
      const counts = await pruner.stop();
      removed += counts.removed;
      for (const [name] of built) {
        const report = await world
          .machine("other")
          .run([
            "validate",
            `${world.registry.address}/${name}`,
            "--registry-insecure",
            world.registry.address,
          ]);
        expect(report.exitCode, report.stderr).toBe(0);
        const tar = await world.machine("other").run(["validate", world.at(`${name.replace(":", "-")}.tar`)]);
        expect(tar.exitCode, tar.stderr).toBe(0);
      }
    }
    // The prune did take what no build of its round had come to.
    expect(removed).toBeGreaterThan(50);
    expect(illnessesOf(machine.store)).toEqual([]);
  });
});

/** @param waitMs so that it meets builds at other moments */
function startPruner(store: string, stopFile: string, waitMs: number) {
  rmSync(stopFile, { force: true });
  const script = join(root, "tests", "support", "prune-in-process.ts");
  const started = sleep(waitMs).then(() => {
    const child = spawn(process.execPath, [script, store, stopFile], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    const text = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const) {
      child[name].setEncoding("utf8").on("data", (part: string) => {
        text[name] += part;
      });
    }
    return { child, ended: once(child, "close").then(() => text) };
  });
  const stop = async () => {
    writeFileSync(stopFile, "");
    const { child, ended } = await started;
    const { stdout, stderr } = await ended;
    if (child.exitCode !== 0) throw new Error(`the prune: exit code ${child.exitCode}\n${stderr}`);
    return JSON.parse(stdout) as { rounds: number; removed: number };
  };
  return {
    stop,
    [Symbol.asyncDispose]: async () => {
      const { child } = await started;
      if (child.exitCode === null) child.kill("SIGKILL");
    },
  };
}
