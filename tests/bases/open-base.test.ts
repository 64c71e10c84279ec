import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { needs } from "../support/needs.ts";
import { type BaseWorld, moduleWheel, startBaseWorld } from "../support/registry-bases.ts";
import "../support/in-memory.ts";

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

  test("stays what the lock says where a mirror is known, until it is upgraded", async () => {
    const project = world.project("kept", app);
    const without = world.machine("writes-the-lock");
    const locked = await without.run(["lock", project, ...flags()], { wrapper: withoutApt, env });
    expect(locked).toMatchObject({ exitCode: 0 });
    const built = await without.run(["build", project, "--locked", ...flags()], { wrapper: withoutApt, env });
    expect(built).toMatchObject({ exitCode: 0 });
    const machine = world.machine("knows-a-mirror");
    const again = await machine.run(["build", project, "--locked", ...flags()], { env });
    expect(again).toMatchObject({ exitCode: 0, stdout: built.stdout });
    expect(await machine.run(["lock", project, "--upgrade", ...flags()], { env })).toMatchObject({
      exitCode: 0,
    });
    expect(readFileSync(`${project}/cambium.lock`, "utf8")).not.toMatch(/^reference = /m);
  });

  test.runIf(needs("runc"))("is the official image for each stage that leaves it open", async () => {
    const machine = world.machine("stages-without-apt");
    const yaml = `
stages:
  web:
    python: requirements.txt
    run: [[python, -c, "import light; open('/ran', 'w').write('ran')"]]
  other: { python: requirements.txt, copy: app.py }
python: requirements.txt
copy:
  - { from: /ran, to: /ran, stage: web }
  - { from: /app/app.py, to: /app/, stage: other }
`;
    const project = world.project("stages", { ...app, "cambium.yaml": yaml });
    const built = await machine.run(["build", project, ...flags()], { wrapper: withoutApt, env });
    expect(built.exitCode, built.stderr).toBe(0);
    expect(built.stderr).toContain(
      "No Debian mirror is known here, so the base of stage web is python:3.13-slim (--debian-mirror or from: in stage web name another).",
    );
    expect(built.stderr).toContain("so the base of stage other is python:3.13-slim");
    expect(built.stderr).toContain(
      "so the base is python:3.13-slim (--debian-mirror or --base name another)",
    );
    expect(built.stderr).not.toContain("failed");

    const locked = await machine.run(["lock", project, ...flags()], { wrapper: withoutApt, env });
    expect(locked).toMatchObject({ exitCode: 0 });
    const text = readFileSync(`${project}/cambium.lock`, "utf8");
    for (const table of ["base", "stages.web.base", "stages.other.base"]) {
      expect(text).toContain(`[${table}]\nreference = "docker.io/library/python:3.13-slim"\n`);
    }
    // It is told once: the lock says it from then on.
    const again = await machine.run(["build", project, "--locked", ...flags()], { env });
    expect(again).toMatchObject({ exitCode: 0, stdout: built.stdout });
    expect(again.stderr).not.toContain("No Debian mirror");
  });

  test("of a stage is the official image where no Debian has the Python", async () => {
    const machine = world.machine("stage-with-other-python");
    const yaml = `
from: scratch
stages: { web: { python: requirements.txt, copy: app.py } }
copy: { from: /app/app.py, to: /, stage: web }
`;
    const project = world.project("stage-pinned", {
      ...app,
      ...{ "cambium.yaml": yaml, ".python-version": "3.12\n" },
    });
    const built = await machine.run(["build", project, ...flags()], { env });
    expect(built).toMatchObject({ exitCode: 2 });
    expect(built.stderr).toContain(
      "the base of stage web is python:3.12-slim. Name another with from: in stage web.",
    );
    expect(built.stderr).toMatch(
      /error\[PYTHON_UNAVAILABLE\]: base \S+ has Python 3\.13\.\d+, which "3\.12"/,
    );
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
