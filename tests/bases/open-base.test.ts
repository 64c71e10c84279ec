import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { needs } from "../support/needs.ts";
import { type BaseWorld, moduleWheel, startBaseWorld } from "../support/registry-bases.ts";

const app = { "requirements.txt": "light==1.0\n", "app.py": "import light\n" };
/** A machine whose apt knows nothing: its folder is covered, for this process alone. */
const withoutApt = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /etc/apt && exec "$0" "$@"'];

describe.runIf(needs("docker-registry", "root"))("a base that is left open", () => {
  let world: BaseWorld;
  let env: Record<string, string>;

  beforeAll(async () => {
    world = await startBaseWorld([moduleWheel("light")]);
    const { layers } = await world.debian();
    // What stands for Docker Hub's: a mirror of it that has one image under two names.
    for (const tag of ["3.13-slim", "3.12-slim"]) await world.pushBase(`library/python:${tag}`, layers);
    env = { CAMBIUM_REGISTRY_MIRRORS: `http://${world.registry.address}` };
  });
  afterAll(async () => world?.[Symbol.asyncDispose]());

  const flags = () => [
    "--progress",
    "plain",
    "--platform",
    "linux/amd64",
    "--default-index",
    world.index.url,
  ];

  test("is the official image where no Debian mirror is known, said and pinned in the lock", async () => {
    const machine = world.machine("without-apt");
    const project = world.project("open", app);
    const built = await machine.run(["build", project, ...flags()], { wrapper: withoutApt, env });
    expect(built).toMatchObject({ exitCode: 0 });
    expect(built.stderr).toContain("No Debian mirror is known here, so the base is python:3.13-slim");
    expect(built.stderr).toContain("base docker.io/library/python:3.13-slim");
    expect(built.stderr).not.toContain("failed");

    const locked = await machine.run(["lock", project, ...flags()], { wrapper: withoutApt, env });
    expect(locked).toMatchObject({ exitCode: 0 });
    const text = readFileSync(`${project}/cambium.lock`, "utf8");
    expect(text).toMatch(/^reference = "docker\.io\/library\/python:3\.13-slim"\ndigest = "sha256:/m);
  });

  test("is never the official image for who named a mirror", async () => {
    const machine = world.machine("with-mirror");
    const project = world.project("named", app);
    const mirror = ["--debian-mirror", `http://${world.registry.address}`];
    const built = await machine.run(["build", project, ...flags(), ...mirror], { env });
    expect(built.exitCode).not.toBe(0);
    expect(built.stderr).not.toContain("python:3.13-slim");
  });

  test("is the official image where no Debian has the Python, and must have it", async () => {
    const machine = world.machine("other-python");
    const project = world.project("pinned", { ...app, ".python-version": "3.12\n" });
    const built = await machine.run(["build", project, ...flags()], { env });
    expect(built).toMatchObject({ exitCode: 2 });
    expect(built.stderr).toContain("the base is python:3.12-slim. Name another with --base.");
    // The one that we pushed under that name has another.
    expect(built.stderr).toMatch(
      /error\[PYTHON_UNAVAILABLE\]: base \S+ has Python 3\.13\.\d+, which "3\.12"/,
    );
  });
});
