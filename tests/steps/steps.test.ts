import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { root } from "../../scripts/paths.ts";
import { errorIn } from "../support/command.ts";
import { needs } from "../support/needs.ts";
import { NO_NETWORK, type StepsWorld, startStepsWorld } from "./steps-world.ts";
import "../support/in-memory.ts";

const C_PROGRAM = '#include <stdio.h>\nint main(void) { puts("hello from C"); return 0; }\n';
/** An example of the guide by its name. */
function exampleOf(name: string): string {
  const guide = readFileSync(join(root, "docs/guide/steps.md"), "utf8");
  const text = new RegExp(`<!-- example: ${name} -->\n\`\`\`\\w+\n([\\s\\S]*?)\n\`\`\``).exec(guide)?.[1];
  if (text === undefined) throw new Error(`the guide has no example ${name}`);
  return text;
}
const COMPILED = exampleOf("stages");

describe.runIf(needs("docker-registry", "runc", "root"))("a project with commands", () => {
  let steps: StepsWorld;
  beforeAll(async () => {
    steps = await startStepsWorld();
  });
  afterAll(async () => steps?.[Symbol.asyncDispose]());

  test("a program is compiled in one stage and runs in another, which has no compiler", {
    timeout: 600_000,
  }, async () => {
    const files = { "cambium.yaml": COMPILED, "app.c": C_PROGRAM, "notes.txt": "one\n" };
    const project = steps.project("compiled", files);
    const first = await steps.build(project);
    expect(first.missed.filter((id) => id.startsWith("build"))).toHaveLength(3);
    // Nobody needs the stage whose command fails.
    expect(first.missed.filter((id) => id.startsWith("test"))).toEqual([]);
    expect(existsSync(join(first.rootfs, "usr/bin/cc"))).toBe(false);
    const ran = await steps.run(["run", "--progress", "plain", project]);
    expect(ran).toMatchObject({ exitCode: 0, stdout: "hello from C\n" });

    const again = await steps.build(project, [], NO_NETWORK);
    expect(again).toMatchObject({ digest: first.digest, missed: [] });

    writeFileSync(join(project, "notes.txt"), "two\n");
    const noted = await steps.build(project);
    expect(noted.missed).toEqual(["image 2: COPY notes.txt /notes.txt"]);

    // A comment: the compiler runs, gives the same program, and nothing above it is done again.
    writeFileSync(join(project, "app.c"), `${C_PROGRAM}/* a comment */\n`);
    const commented = await steps.build(project);
    expect(commented.missed).toEqual([
      "build 1: COPY app.c /src/",
      "build 2: RUN /bin/sh -c cc -o /app app.c",
      "build 3: RUN /bin/sh -c echo built > /built",
    ]);
    expect(commented.digest).toBe(noted.digest);

    const failed = await steps.run(["build", project, "--target", "test", "--progress", "plain"]);
    expect(errorIn(failed)).toMatch(
      /error\[STEP_FAILED\]: test, step 1: RUN \/bin\/sh -c exit 3: exit code 3/,
    );
    const unknown = await steps.run(["build", project, "--target", "biuld", "--progress", "plain"]);
    expect(errorIn(unknown)).toMatch(/STAGE_UNKNOWN[\s\S]*Did you mean build\?/);
  });

  test("a step that ran again and left the same ends the ripple", async () => {
    const yaml = `
debian: bookworm
steps:
  - copy: a.txt:/
  - run: rm /a.txt && echo same > /same
  - run: cat /same > /again
`;
    const project = steps.project("cutoff", { "cambium.yaml": yaml, "a.txt": "one\n" });
    await steps.build(project);
    // The file is in its own layer still, so only what stands on equal files is spared: a bind mount is not below.
    const bound = yaml.replace(
      / {2}- copy: .*\n {2}- run: .*/,
      `  - run:
      command: cat /in > /dev/null; echo same > /same
      mounts: [{ type: bind, target: /in, source: a.txt }]`,
    );
    writeFileSync(join(project, "cambium.yaml"), bound);
    await steps.build(project);
    writeFileSync(join(project, "a.txt"), "two\n");
    const second = await steps.build(project);
    expect(second.missed).toEqual(["image 1: RUN /bin/sh -c cat /in > /dev/null; echo same > /same"]);
  });

  test("mounts of each kind are what they are in a Dockerfile", async () => {
    const yaml = `
debian: bookworm
stages:
  seed:
    from: scratch
    copy: seed.txt:/seed.txt
run:
  - command: cat /cache/seed.txt > /seeded; echo more > /cache/more
    mounts: [{ type: cache, target: /cache, stage: seed }]
  - command: [sh, -c, "cp /cache/more /more; test ! -w /ctx/in.txt || echo no"]
    mounts:
      - { type: cache, target: /cache, readonly: true }
      - { type: bind, target: /ctx, source: dir }
  - command: cat in.txt > /bound; echo lost > new.txt
    workdir: /ctx
    mounts: [{ type: bind, target: /ctx, source: dir, writable: true }]
  - command: df -k /tmp/fast | tail -1 | awk '{ print $2 }' > /size; touch /tmp/fast/x
    mounts: [{ type: tmpfs, target: /tmp/fast, size: 8m }]
  - command: wc -c < /run/secrets/token > /length; echo "$TOKEN" | wc -c > /env-length
    mounts:
      - { type: secret, id: token, required: true }
      - { type: secret, id: token, env: TOKEN }
  - command: test -S "$SSH_AUTH_SOCK" && echo agent > /agent
    mounts: [{ type: ssh, required: true }]
`;
    const socket = steps.world.at("agent.sock");
    const agent = execFileSync("ssh-agent", ["-a", socket], { encoding: "utf8" });
    const pid = Number(/SSH_AGENT_PID=(\d+)/.exec(agent)![1]);
    try {
      const project = steps.project("mounts", {
        ...{ "cambium.yaml": yaml, "seed.txt": "seed\n", "dir/in.txt": "in\n" },
      });
      const flags = ["--secret", "id=token,env=TOKEN", "--ssh", `default=${socket}`];
      const built = await steps.build(project, flags, { TOKEN: "geheimnis" });
      const texts = ["seeded", "more", "bound", "size", "length", "env-length", "agent"].map(built.text);
      expect(texts).toEqual(["seed\n", "more\n", "in\n", "8192\n", "9\n", "10\n", "agent\n"]);
      for (const path of ["ctx/new.txt", "tmp/fast/x", "run/secrets/token"]) {
        expect(existsSync(join(built.rootfs, path))).toBe(false);
      }
      const missing = await steps.run(["build", project, "--no-cache", "--progress", "plain"]);
      expect(errorIn(missing)).toMatch(/SECRET_MISSING[\s\S]*--secret id=token/);
    } finally {
      process.kill(pid);
    }
  });

  test("what fails says which step it is, and what was probably meant", async () => {
    const yaml = `
from: scratch
stages:
  made: { from: scratch, steps: [{ copy: a.txt:/ }, { copy: a.tx:/ }] }
  none: { from: scratch, copy: a.txt:/, run: echo hi }
steps:
  - copy: { from: /a.txt, to: /b.txt, stage: made }
`;
    const project = steps.project("mistaken", { "cambium.yaml": yaml, "a.txt": "a\n" });
    const saidBy = async (command: string, ...args: readonly string[]) =>
      errorIn(await steps.run([command, project, "--progress", "plain", ...args]));
    const absent =
      /error\[COPY_SOURCE_MISSING\]: made, step 2: copy: a\.tx is not in .*\nhint: There is a\.txt/;
    expect(await saidBy("build")).toMatch(absent);
    expect(await saidBy("plan")).toMatch(absent);
    expect(await saidBy("build", "--target", "none")).toMatch(
      /error\[STEP_START\]: none, step 2: .*\nhint: The image has no \/bin\/sh: .*list of words/,
    );
    expect(await saidBy("build", "--target", "imag")).toMatch(
      /no stage "imag"\nhint: Did you mean image\?$/m,
    );
    const meant = yaml.replace("{ from: /a.txt, to: /b.txt, stage: made }", "{ from: made, to: /b.txt }");
    writeFileSync(join(project, "cambium.yaml"), meant);
    expect(await saidBy("build", "--no-cache=image", "--target=image")).toMatch(
      /: step 1: copy: made is not in .*\nhint: For files of stage made write stage: made,/,
    );
  });

  test("a secret that was not given is told where the command runs without it", async () => {
    const yaml = `
debian: bookworm
run:
  command: cat /run/secrets/token > /seen || true
  mounts: [{ type: secret, id: token }]
`;
    const project = steps.project("without-secret", { "cambium.yaml": yaml });
    const { stderr } = await steps.build(project, ["--secret", "id=tokn,env=TOKEN"], { TOKEN: "geheimnis" });
    expect(stderr).toContain(
      "step 1: the secret token was not given (tokn was), and the command runs without it",
    );
    expect(stderr).not.toContain("maintainer scripts");
  });

  test("accounts, variables and the working directory are known to commands and copies", async () => {
    const yaml = `
debian: bookworm
users: [{ name: app, uid: 1234 }]
env: { GREETING: hello }
workdir: /work
steps:
  - copy: { from: a.txt, owner: app }
  - run:
      - command: 'id -u > uid && echo "$GREETING $OWN" > said && pwd > where'
        user: app
        workdir: /tmp/mine
        env: { OWN: 1.10 }
      - command: [sh, -c, 'id -u > /root-uid; pwd > /where']
  - copy: { from: tool.sh, to: /bin/tool, chmod: 0750 }
user: app
`;
    const project = steps.project("accounts", {
      ...{ "cambium.yaml": yaml, "a.txt": "a\n", "tool.sh": { text: "#!/bin/sh\n", mode: 0o600 } },
    });
    const built = await steps.build(project);
    const texts = ["tmp/mine/uid", "tmp/mine/said", "tmp/mine/where", "root-uid", "where"].map(built.text);
    expect(texts).toEqual(["1234\n", "hello 1.10\n", "/tmp/mine\n", "0\n", "/work\n"]);
    expect(statSync(join(built.rootfs, "work/a.txt"))).toMatchObject({ uid: 1234, gid: 1234 });
    expect(statSync(join(built.rootfs, "usr/bin/tool")).mode & 0o777).toBe(0o750);
  });

  test("merge lays stages over one another, and a diff is what one added", async () => {
    const yaml = `
debian: bookworm
stages:
  base: { debian: bookworm }
  one: { stage: base, run: echo one > /one }
  two: { stage: base, run: echo two > /two && rm /etc/shells }
  added: { diff: { lower: base, upper: two } }
steps:
  - merge: [one, added]
  - run: cat /one /two > /both
`;
    const built = await steps.build(steps.project("merged", { "cambium.yaml": yaml }));
    expect(built.text("both")).toBe("one\ntwo\n");
    expect(existsSync(join(built.rootfs, "etc/shells"))).toBe(false);
  });

  test("an added package runs the commands again, since they see it", async () => {
    const yaml = "debian: bookworm\nrun: ls /usr/bin/file > /seen || true\n";
    const project = steps.project("packages", { "cambium.yaml": yaml });
    const without = await steps.build(project);
    expect(without.text("seen")).toBe("");
    writeFileSync(join(project, "cambium.yaml"), `apt: [file]\n${yaml}`);
    const added = await steps.build(project);
    expect(added.missed).toHaveLength(1);
    expect(added.text("seen")).toBe("/usr/bin/file\n");
  });

  test("the builder gives the image that the YAML gives", async () => {
    const files = { "app.c": C_PROGRAM, "notes.txt": "one\n" };
    const yaml = await steps.build(steps.project("as-yaml", { ...files, "cambium.yaml": COMPILED }));
    const code = exampleOf("builder");
    const built = await steps.build(steps.project("as-code", { ...files, "cambium.ts": code }));
    expect(built.digest).toBe(yaml.digest);
    expect(built.missed).toEqual([]);
  });

  test("a pyproject.toml has commands above what is guessed: packages, the project itself, its files", async () => {
    const pyproject = `
[project]
name = "demo"
version = "1.0"
scripts = { hello = "demo:main" }
[build-system]
requires = ["setuptools"]
[tool.setuptools]
packages = ["demo"]
[tool.cambium]
debian = "bookworm"
run = "hello > /said"
copy = [".", { from = "/note.txt", to = "/", stage = "notes" }]
[tool.cambium.stages.notes]
from = "scratch"
copy = "note.txt:/"
`;
    const project = steps.project("python", {
      ...{ "pyproject.toml": pyproject, "note.txt": "note\n" },
      "demo/__init__.py": "def main():\n    print('hello')\n",
    });
    const built = await steps.build(project);
    expect([built.text("said"), built.text("note.txt")]).toEqual(["hello\n", "note\n"]);
    const bin = statSync(join(built.rootfs, "opt/venv/bin/hello"));
    expect(bin).toMatchObject({ uid: 0, gid: 0 });
    expect(bin.mode & 0o777).toBe(0o755);
    const again = await steps.build(project, [], NO_NETWORK);
    expect(again).toMatchObject({ digest: built.digest, missed: [] });
    writeFileSync(join(project, "demo/__init__.py"), "def main():\n    print('other')\n");
    const other = await steps.build(project);
    expect(other.text("said")).toBe("other\n");
    expect(other.missed).toEqual(["image 2: COPY . /app/", "image 4: RUN /bin/sh -c hello > /said"]);
    const unfit = await steps.run(["build", project, "--build-arg", "A=1", "--progress", "plain"]);
    expect(errorIn(unfit)).toMatch(
      /FLAG_UNFIT\]: --build-arg means nothing for a project with commands or stages/,
    );
  });

  test("SOURCE_DATE_EPOCH is the time of all that a build makes", async () => {
    const yaml = "debian: bookworm\nrun: date > /made\ncopy: a.txt:/a.txt\n";
    const project = steps.project("epoch", { "cambium.yaml": yaml, "a.txt": "a\n" });
    const built = await steps.build(project, [], { SOURCE_DATE_EPOCH: "1700000000" });
    for (const path of ["made", "a.txt"]) {
      expect(statSync(join(built.rootfs, path)).mtimeMs).toBe(1_700_000_000_000);
    }
  });

  test("the lock has a part for each stage, and --locked builds from it alone", async () => {
    const yaml = `
from: scratch
stages:
  tool: { debian: bookworm, run: echo tool > /tool }
  unused: { debian: { suite: bookworm, variant: distroless } }
copy: { from: /tool, to: /tool, stage: tool }
`;
    const project = steps.project("locked", { "cambium.yaml": yaml });
    const missing = await steps.run(["build", project, "--locked", "--progress", "plain"]);
    expect(errorIn(missing)).toMatch(/error\[LOCK_MISSING\]/);
    const locked = await steps.run(["lock", project, "--progress", "plain"]);
    expect(locked.exitCode, locked.stderr).toBe(0);
    const text = readFileSync(join(project, "cambium.lock"), "utf8");
    expect(text).toMatch(/^\[stages\.tool\]$/m);
    expect(text).toMatch(/^\[stages\.unused\.debian\.targets\.arm64\]$/m);
    expect(await steps.build(project, ["--locked"])).toMatchObject({ missed: expect.any(Array) });
    expect((await steps.run(["lock", project, "--check", "--progress", "plain"])).exitCode).toBe(0);

    writeFileSync(join(project, "cambium.yaml"), yaml.replace("bookworm, run", "bookworm, apt: [file], run"));
    const stale = await steps.run(["build", project, "--locked", "--progress", "plain"]);
    expect(errorIn(stale)).toMatch(/error\[LOCK_STALE\]/);
    writeFileSync(join(project, "cambium.yaml"), yaml.replaceAll("tool", "other"));
    const renamed = await steps.run(["build", project, "--locked", "--progress", "plain"]);
    expect(errorIn(renamed)).toMatch(/LOCK_STALE\]: --locked: cambium.lock: it has nothing of stage other/);
  });

  test("an image of a registry is a base or lends files, and the result can be pushed", async () => {
    const { address } = steps.world.registry;
    const lender = steps.project("lender", { "cambium.yaml": "debian: bookworm\nrun: echo lent > /lent\n" });
    const name = `${address}/lender:1`;
    expect(
      (await steps.run(["build", lender, "-t", name, "--push", "--platform", "linux/amd64"])).exitCode,
    ).toBe(0);
    const yaml = `
from: ${name}
steps:
  - copy: { from: /lent, to: /copied, image: "${name}" }
  - run: cat /lent /copied > /both
`;
    const project = steps.project("borrower", { "cambium.yaml": yaml });
    const built = await steps.build(project, ["-t", `${address}/borrower:1`, "--push"]);
    expect(built.text("both")).toBe("lent\nlent\n");
    const again = await steps.build(project, [], NO_NETWORK);
    expect(again).toMatchObject({ digest: built.digest, missed: [] });
    expect((await steps.run(["validate", `${address}/borrower:1`])).exitCode).toBe(0);
  });
});
