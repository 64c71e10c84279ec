import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loggedBuilds } from "../../src/actions/explain/build-log.ts";
import { keepBuildOfElsewhere } from "../../src/actions/explain/elsewhere.ts";
import { storeWitness } from "../../src/actions/explain/store-witness.ts";
import { portableBuild } from "../../src/explain/portable-build.ts";
import { readPortableBuild } from "../../src/explain/read-portable.ts";
import { openStore } from "../../src/store/store.ts";
import { type StepWorld, startStepWorld } from "../dockerfile/step-world.ts";
import { needs } from "../support/needs.ts";
import type { Machine } from "../support/registry-bases.ts";

const WHERE = "registry.example/app";

describe.runIf(needs("docker-registry", "runc", "root"))("a machine that never built the project", () => {
  let steps: StepWorld;
  beforeAll(async () => {
    steps = await startStepWorld();
  });
  afterAll(async () => steps?.[Symbol.asyncDispose]());

  /** As a record brings it: what one machine may tell of its last build, to another. */
  function tell(from: Machine, to: Machine): void {
    const [store, other] = [openStore(from.store), openStore(to.store)];
    try {
      const told = portableBuild(storeWitness(loggedBuilds(store).at(-1)!, store), "sha256:salt");
      const text = JSON.stringify(told);
      // The file's name, its stage's, the argument's value.
      for (const own of ["src/a", "builder", "of-the-argument"]) expect(text).not.toContain(own);
      keepBuildOfElsewhere(readPortableBuild(JSON.parse(text))!, WHERE, other);
    } finally {
      store.close();
      other.close();
    }
  }

  test("says what changed since the build of another one", async () => {
    const dockerfile =
      "FROM base AS builder\nARG MODE\nCOPY src /src\nRUN cat /src/a > /out\nFROM base\nCOPY --from=builder /out /out\nRUN cat /out\n";
    const [one, other] = [steps.newMachine(), steps.newMachine()];
    const folder = steps.context(dockerfile, { "src/a": "one\n" });
    const env = { CAMBIUM_PROJECT: "shared" };
    const build = (machine: Machine) =>
      machine.run(["build", folder, "--progress", "plain", "--build-arg", "MODE=of-the-argument"], { env });
    expect(await build(one)).toMatchObject({ exitCode: 0 });
    tell(one, other);
    writeFileSync(join(folder, "src/a"), "two\n");
    const said = await build(other);
    expect(said.stderr).toMatch(
      /most expensive miss: RUN cat \/\S+( > \/out)? \([\d.]+ s\): src\/a changed \(COPY src \/src, line 3\)/,
    );
    const { stdout } = await other.run(["explain"], { cwd: folder });
    expect(stdout).toMatch(/\ncompared with \S+ of registry\.example\/app, \d+s ago\n/);
    expect(stdout).toMatch(/miss +[\d.]+ s COPY src \/src\n +src\/a changed\n/);
    expect(stdout).toMatch(/miss +[\d.]+ s COPY \/out \/out\n +src\/a changed \(COPY src \/src, line 3\)\n/);
  });
});
