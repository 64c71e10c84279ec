import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { digestOf } from "../../src/layer/digest.ts";
import { startGit } from "../copy/places.ts";
import { errorIn } from "../support/command.ts";
import { startFaultyServer } from "../support/faulty-server.ts";
import { needs } from "../support/needs.ts";
import { NO_NETWORK, type StepsWorld, startStepsWorld } from "./steps-world.ts";

describe.runIf(needs("docker-registry", "git"))("files from elsewhere", () => {
  let steps: StepsWorld;
  beforeAll(async () => {
    steps = await startStepsWorld();
  });
  afterAll(async () => steps?.[Symbol.asyncDispose]());

  test("a file from the web is fetched once, kept in the lock, and served when its origin is gone", async () => {
    const server = await startFaultyServer();
    const url = server.serve("/tool.txt", "first\n");
    const yaml = `
from: scratch
steps:
  - http: { url: "${url}?sig=0123", to: /opt/, chmod: 0755 }
`;
    const project = steps.project("web", { "cambium.yaml": yaml });
    const first = await steps.build(project);
    expect(first.text("opt/tool.txt")).toBe("first\n");
    expect(server.requests("/tool.txt")).toHaveLength(1);

    // It changed, and nobody asks: what was settled stays.
    server.serve("/tool.txt", "second\n");
    expect((await steps.build(project)).digest).toBe(first.digest);
    expect(server.requests("/tool.txt")).toHaveLength(1);
    const upgraded = await steps.build(project, ["--upgrade"]);
    expect(upgraded.text("opt/tool.txt")).toBe("second\n");

    expect((await steps.run(["lock", project])).exitCode).toBe(0);
    const lock = readFileSync(join(project, "cambium.lock"), "utf8");
    expect(lock).toContain(`digest = "${digestOf("second\n")}"`);
    // A query may be a signature: the lock tells it from others, and does not say it.
    expect(lock).toMatch(/^url = ".*\/tool\.txt\?[0-9a-f]{16}"$/m);
    await server[Symbol.asyncDispose]();
    const gone = await steps.build(project, ["--locked"], NO_NETWORK);
    expect(gone.digest).toBe(upgraded.digest);
    const anew = await steps.build(project, ["--no-cache"], NO_NETWORK);
    expect(anew.digest).toBe(upgraded.digest);
    // The query is for the server, and not for who looks at the image.
    expect(JSON.stringify(await steps.run(["inspect", gone.digest, "--json"]))).not.toContain("sig=0123");
  });

  test("a file that is not what its checksum says is refused, and nothing is made", async () => {
    await using server = await startFaultyServer();
    const url = server.serve("/tool.txt", "what came\n");
    const yaml = (content: string) =>
      `from: scratch\nsteps:\n  - http: { url: "${url}", to: /tool, checksum: "${digestOf(content)}" }\n`;
    const project = steps.project("checked", { "cambium.yaml": yaml("what was meant\n") });
    const refused = await steps.run(["build", project, "--progress", "plain"]);
    expect(errorIn(refused)).toMatch(/error\[DIGEST_INVALID\][\s\S]*tool\.txt/);
    writeFileSync(join(project, "cambium.yaml"), yaml("what came\n"));
    expect((await steps.build(project)).text("tool")).toBe("what came\n");
    const stale = await steps.run(["build", project, "--locked", "--progress", "plain"]);
    expect(stale.exitCode, stale.stderr).toBe(0);
  });

  test("a branch is the commit that it was, until it is asked for anew; gone, it is served from the store", async () => {
    const git = await startGit();
    const yaml = `from: scratch\nsteps:\n  - git: { url: "${git.url}", ref: other, to: /src/ }\n`;
    const project = steps.project("branch", { "cambium.yaml": yaml });
    const built = await steps.build(project);
    expect(built.text("src/other.txt")).toBe("other");
    expect((await steps.run(["lock", project])).exitCode).toBe(0);
    const commit = /^commit = "([0-9a-f]{40})"$/m.exec(
      readFileSync(join(project, "cambium.lock"), "utf8"),
    )?.[1];
    await git[Symbol.asyncDispose]();
    const gone = await steps.build(project, ["--locked"]);
    expect(gone).toMatchObject({ digest: built.digest, missed: [] });
    const pinned = yaml.replace("ref: other", `commit: ${commit}, subdirectory: sub`);
    writeFileSync(join(project, "cambium.yaml"), pinned);
    const sub = await steps.run(["build", project, "--progress", "plain"]);
    // The commit is named, but of another folder of it nothing was kept.
    expect(errorIn(sub)).toMatch(/error\[GIT_FAILED\]/);
  });

  test("a source that the lock does not know is refused with --locked", async () => {
    const yaml = `from: scratch\nsteps:\n  - http: { url: "http://127.0.0.1:9/none", to: /none }\n`;
    const project = steps.project("unknown", { "cambium.yaml": yaml });
    const ran = await steps.run(["build", project, "--locked", "--progress", "plain"]);
    expect(errorIn(ran)).toMatch(
      /LOCK_STALE\]: --locked: cambium.lock: it does not say what http:\/\/127.0.0.1:9\/none is/,
    );
  });

  test("plan shows the steps of the stages that are needed, and makes nothing", async () => {
    const yaml = `
from: scratch
stages:
  one: { from: scratch, copy: a.txt:/a.txt }
  unused: { from: scratch, run: [[none]] }
copy: { from: /a.txt, to: /b.txt, stage: one }
`;
    const project = steps.project("planned", { "cambium.yaml": yaml, "a.txt": "a\n" });
    const ran = await steps.run(["plan", project]);
    expect(ran.exitCode, ran.stderr).toBe(0);
    expect(ran.stdout).toMatch(
      /one from scratch\n.*COPY a.txt \/a.txt +\(never built before\)\n +image from scratch\n.*COPY \/a.txt \/b.txt/,
    );
    expect(ran.stdout).not.toContain("none");
  });
});
