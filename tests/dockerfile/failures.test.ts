import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { needs } from "../support/needs.ts";
import { type DebianWorld, startDebianWorld } from "./debian-world.ts";
import "../support/in-memory.ts";

const SECRET = "correct-horse-battery-staple";

describe.runIf(needs("docker-registry", "runc", "root"))("a Dockerfile", () => {
  let debian: DebianWorld;
  let count = 0;

  beforeAll(async () => {
    debian = await startDebianWorld();
  });
  afterAll(async () => debian?.[Symbol.asyncDispose]());

  function build(dockerfile: string, args: readonly string[] = [], files: Record<string, string> = {}) {
    count += 1;
    const { world, builder, base } = debian;
    const text = dockerfile.replaceAll(/^FROM debian\b/gm, `FROM ${base}`);
    const project = world.project(`case-${count}`, { ...files, Dockerfile: text });
    return builder.run(["build", project, "--progress", "plain", "--platform", "linux/amd64", ...args]);
  }

  test("whose step fails ends with its exit code and last words; what was finished is kept", async () => {
    const lines = "FROM debian\nRUN echo kept > /kept\nRUN echo first words; echo last words; exit 7\n";
    const ran = await build(lines);
    expect(ran.exitCode).toBe(1);
    expect(ran.stderr).toMatch(
      /error\[STEP_FAILED\]: line 3: .*exit code 7\n {4}first words\n {4}last words/,
    );
    const again = await build(lines.replace("exit 7", "true"));
    expect(again).toMatchObject({ exitCode: 0 });
    expect(again.stderr).toMatch(/known +0 2: RUN \/bin\/sh -c echo kept/);
  });

  test.for([
    { line: "RUN /no/such/program", says: /exit code 127/, exitCode: 1 },
    { line: "RUN sh -c 'kill -9 $$'; exit $?", says: /exit code 137/, exitCode: 1 },
    { line: 'RUN ["/no/such/program"]', says: /\/no\/such\/program/, exitCode: 1 },
    { line: "RUNN true", says: /Dockerfile:2:1: .*RUNN[\s\S]*RUN/, exitCode: 2 },
    { line: "RUN --mont=type=cache true", says: /Dockerfile:2:5: .*mont[\s\S]*mount/, exitCode: 2 },
    { line: "COPY mising.txt /", says: /mising\.txt[\s\S]*missing\.txt/, exitCode: 2 },
    { line: "USER nobodyy\nRUN true", says: /nobodyy/, exitCode: 2 },
    {
      line: "RUN --security=insecure true",
      says: /STEP_INSECURE[\s\S]*--allow security\.insecure/,
      exitCode: 2,
    },
    {
      line: "RUN --mount=type=secret,id=token,required true",
      says: /SECRET_MISSING[\s\S]*--secret id=token/,
      exitCode: 2,
    },
  ])("with $line says what is wrong", async ({ line, says, exitCode }) => {
    const ran = await build(`FROM debian\n${line}\n`, [], { "missing.txt": "here\n" });
    expect(ran.stderr).toMatch(says);
    expect(ran.exitCode).toBe(exitCode);
  });

  test.for([
    { args: ["--base", "debian:12"], says: /FLAG_UNFIT\]: --base [\s\S]*docker-image:/ },
    { args: ["--python", "3.13"], says: /FLAG_UNFIT\]: --python [\s\S]*FROM/ },
    { args: ["--extra", "web"], says: /FLAG_UNFIT\]: --extra / },
    { args: ["--no-cache=tset"], says: /DOCKERFILE_STAGE\]: --no-cache: [\s\S]*Did you mean test\?/ },
  ])("given $args says what to do instead", async ({ args, says }) => {
    const ran = await build("FROM debian AS test\n", args);
    expect(ran.stderr).toMatch(says);
    expect(ran.exitCode).toBe(2);
  });

  test.for(["--target=web", "--build-arg=A=1", "--secret=id=a,env=A", "--network=none", "--no-cache=web"])(
    "is what %s is for, and a project without one refuses it",
    async (flag) => {
      const { world, builder } = debian;
      const project = world.project("plain", { "requirements.txt": "" });
      const ran = await builder.run(["build", project, flag], { env: { A: "secret" } });
      expect(ran.stderr).toMatch(/error\[FLAG_UNFIT\]: --[a-z-]+/);
      expect(ran.stderr).toContain("a Python project");
      expect(ran.exitCode).toBe(2);
    },
  );

  test("reads a secret while it runs, and it is nowhere afterwards", async () => {
    const { world, builder } = debian;
    const image = world.at("secret-image");
    const ran = await build(
      `FROM debian
RUN --mount=type=secret,id=token test "$(cat /run/secrets/token)" = "${SECRET.slice(0, 8)}""${SECRET.slice(8)}"
RUN --mount=type=secret,id=token,env=TOKEN test \${#TOKEN} = ${SECRET.length} && ls -a /run > /left
`,
      [
        "--secret",
        `id=token,src=${world.project("secret", { token: SECRET })}/token`,
        "-o",
        `type=rootfs,dest=${image}`,
      ],
    );
    expect(ran).toMatchObject({ exitCode: 0 });
    expect(readFileSync(`${image}/left`, "utf8")).not.toContain("secrets");
    for (const place of [image, builder.store]) expect(filesWith(SECRET, place)).toEqual([]);
    expect(ran.stderr + ran.stdout).not.toContain(SECRET);
  });

  test("leaves nothing mounted and no process behind, whatever its steps leave", async () => {
    const ran = await build("FROM debian\nRUN sleep 987654 & sleep 987654 & true\n");
    expect(ran).toMatchObject({ exitCode: 0 });
    expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(debian.builder.store);
    expect(execFileSync("ps", ["-eo", "args"], { encoding: "utf8" })).not.toContain("sleep 987654");
  });
});

/** Compressed layers of the store are looked into as the image's files are. */
function filesWith(text: string, folder: string): string[] {
  try {
    return execFileSync("grep", ["-rlF", "--", text, folder], { encoding: "utf8" })
      .split("\n")
      .filter(Boolean);
  } catch (error) {
    // grep says with 1 that there is none.
    if ((error as { readonly status?: number }).status === 1) return [];
    throw error;
  }
}
