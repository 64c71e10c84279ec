import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AMD64 } from "../support/images.ts";
import { layerOf } from "../support/layers.ts";
import { needs } from "../support/needs.ts";
import { type BaseWorld, startBaseWorld } from "../support/registry-bases.ts";

describe.runIf(needs("docker-registry"))("the lock of a Dockerfile", () => {
  let world: BaseWorld;
  let web: Server;
  let url: string;
  let answer = "first\n";

  beforeAll(async () => {
    world = await startBaseWorld([]);
    web = createServer((_, response) => response.end(answer));
    await new Promise<void>((resolve) => web.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(web.address() as AddressInfo).port}/file.txt`;
  });
  afterAll(async () => {
    web?.close();
    await world?.[Symbol.asyncDispose]();
  });

  const base = (text: string, platform = AMD64) =>
    world.pushBase("base:1", [layerOf({ path: "base", file: text })], {}, platform);

  test("pins images and files, and builds what it says until it is told otherwise", async () => {
    answer = "first\n";
    const reference = await base("old\n");
    const project = world.project("app", { Dockerfile: `FROM ${reference}\nADD ${url} /file\n` });
    const lockFile = join(project, "cambium.lock");
    const maker = world.machine("maker");
    const flags = ["--platform", "linux/amd64"];

    const unlocked = await maker.run(["build", project, ...flags, "--locked"]);
    expect(unlocked.stderr).toMatch(/error\[DOCKERFILE_UNLOCKED\]: .*base:1[\s\S]*cambium lock/);
    expect(unlocked.exitCode).toBe(2);

    const locked = await maker.run(["lock", project, ...flags]);
    expect(locked).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("2 sources") });
    const text = readFileSync(lockFile, "utf8");
    expect(text).toContain(`[[images]]\nreference = "${reference}"\ntargets = { amd64 = "sha256:`);
    expect(text).toContain(`[[http]]\nurl = "${url}"\ndigest = "sha256:`);
    expect(await maker.run(["lock", project, ...flags, "--check"])).toMatchObject({ exitCode: 0 });

    await base("new\n");
    answer = "second\n";
    const read = async (machine: string, ...args: readonly string[]) => {
      const out = world.at(`out-${machine}`);
      const ran = await world
        .machine(machine)
        .run(["build", project, ...flags, ...args, "-o", `type=rootfs,dest=${out}`]);
      return {
        ...ran,
        files: ["base", "file"].map((name) =>
          existsSync(join(out, name)) ? readFileSync(join(out, name), "utf8") : "",
        ),
      };
    };
    // The file moved at its origin: a machine that does not have it cannot build what the lock says.
    const moved = await read("fresh", "--locked");
    expect(moved.stderr).toMatch(/error\[DIGEST_INVALID\]/);
    answer = "first\n";
    expect(await read("fresh", "--locked")).toMatchObject({ exitCode: 0, files: ["old\n", "first\n"] });
    expect(await read("plain")).toMatchObject({ exitCode: 0, files: ["old\n", "first\n"] });
    answer = "second\n";
    expect(await read("pulling", "--pull")).toMatchObject({
      stderr: expect.stringContaining("DIGEST_INVALID"),
    });
    expect(await read("upgrading", "--upgrade")).toMatchObject({ exitCode: 0, files: ["new\n", "second\n"] });
    expect(await read("both", "--locked", "--pull")).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("FLAG_CONFLICT"),
    });
    const named = await maker.run(["lock", project, ...flags, `--upgrade=${reference}`]);
    expect(named.stdout).toMatch(/~ .*base:1/);
    expect(named.stdout).not.toContain("file.txt");
    const unknown = await maker.run(["lock", project, ...flags, "--upgrade=nothing"]);
    expect(unknown).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("UPGRADE_UNKNOWN") });
    expect(await maker.run(["lock", project, ...flags, "--upgrade"])).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining("file.txt"),
    });
    expect(await read("again", "--locked")).toMatchObject({ exitCode: 0, files: ["new\n", "second\n"] });
  });

  test("keeps what other definitions locked, and is kept by them", async () => {
    const reference = await base("x\n");
    const project = world.project("shared", { Dockerfile: `FROM ${reference}\n`, "requirements.txt": "" });
    const machine = world.machine("shared-machine");
    const flags = ["--platform", "linux/amd64"];
    expect(await machine.run(["lock", project, ...flags])).toMatchObject({ exitCode: 0 });
    writeFileSync(join(project, "Dockerfile"), "FROM scratch\nCOPY . /\n");
    expect(await machine.run(["lock", project, ...flags])).toMatchObject({ exitCode: 0 });
    expect(readFileSync(join(project, "cambium.lock"), "utf8")).not.toContain("[[images]]");
    expect(await machine.run(["build", project, ...flags, "--locked"])).toMatchObject({ exitCode: 0 });
  });

  test("has each platform that its images have", async () => {
    const amd = await base("x\n");
    const project = world.project("one-platform", { Dockerfile: `FROM ${amd}\n` });
    const ran = await world.machine("platforms").run(["lock", project, "--platform", "linux/amd64"]);
    expect(ran).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("1 source") });
    const other = await world
      .machine("platforms")
      .run(["build", project, "--platform", "linux/arm64", "--locked"]);
    expect(other).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("DOCKERFILE_UNLOCKED") });
  });
});
