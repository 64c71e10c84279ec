import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { needs } from "../support/needs.ts";
import { digestIn } from "../support/project.ts";
import {
  awaitFile,
  eventually,
  mountFolder,
  mountsOf,
  type StepWorld,
  startStepWorld,
} from "./step-world.ts";

const SHARED = "--mount=type=cache,target=/s,sharing=shared";

describe.runIf(needs("docker-registry", "runc", "root"))("steps of Dockerfiles", () => {
  let steps: StepWorld;

  beforeAll(async () => {
    steps = await startStepWorld();
  });
  afterAll(async () => {
    await steps?.[Symbol.asyncDispose]();
  });

  test("of stages that do not need one another run at the same time", async () => {
    // Each ends only when the other has begun.
    const stage = (own: string, other: string) =>
      `FROM base AS ${own}\nRUN ${SHARED} touch /s/${own} && ${awaitFile(other)} && echo ${own} > /done\n`;
    const machine = steps.newMachine();
    const text = `${stage("one", "two")}${stage("two", "one")}FROM base\nCOPY --from=one /done /one\nCOPY --from=two /done /two\n`;
    const root = steps.world.at("overlapping");
    digestIn(await steps.build(machine, text, { args: ["-o", `type=rootfs,dest=${root}`] }));
    expect(["one", "two"].map((name) => readFileSync(join(root, name), "utf8"))).toEqual(["one\n", "two\n"]);
  });

  test("of one Dockerfile that two processes build at once run once in all, and both get the image", async () => {
    const machine = steps.newMachine();
    const ran = (name: string) => `echo ${name} >> /s/ran`;
    const text = `FROM base AS other
RUN ${SHARED} ${ran("other")} && echo other > /other
FROM base
RUN ${SHARED} touch /s/begun && ${awaitFile("go")} && ${ran("first")} && echo first > /first
RUN ${SHARED} ${ran("second")} && echo second > /second
COPY --from=other /other /other
`;
    const roots = ["a", "b"].map((name) => steps.world.at(`twice-${name}`));
    const builds = roots.map((root) =>
      steps.start(machine, text, { args: ["--progress", "json", "-o", `type=rootfs,dest=${root}`] }),
    );
    // Both are at the first step, which one of them runs.
    for (const { said } of builds) await said("touch /s/begun");
    await eventually(async () => {
      const mount = (await mountsOf(machine)).find(({ id }) => id === "/s");
      return mount !== undefined && existsSync(join(mount.folder, "begun"));
    });
    const folder = await mountFolder(machine, "/s");
    writeFileSync(join(folder, "go"), "");
    const digests: string[] = [];
    for (const build of builds) digests.push(digestIn(await build.ran));
    expect(digests[0]).toBe(digests[1]);
    expect(readFileSync(join(folder, "ran"), "utf8").trim().split("\n").toSorted()).toEqual([
      "first",
      "other",
      "second",
    ]);
    for (const root of roots) {
      const texts = ["first", "second", "other"].map((name) => readFileSync(join(root, name), "utf8"));
      expect(texts).toEqual(["first\n", "second\n", "other\n"]);
    }
  });
});
