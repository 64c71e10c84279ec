import { expect, test } from "vitest";
import { debian, diff, from, image } from "./builder.ts";
import { parseSpecYaml } from "./yaml.ts";

const stagesOf = (text: string) => parseSpecYaml(text, "cambium.yaml").stages!;

test("without commands and stages an image is packages and files, as ever", () => {
  expect(parseSpecYaml("debian: bookworm\ncopy: .\n", "cambium.yaml")).not.toHaveProperty("stages");
  expect(image(debian("bookworm")).copy(".").toLoadedSpec()).not.toHaveProperty("stages");
});

test("a text goes to the shell, a list inside the list is run as it is; copies come first", () => {
  const { stages, target } = stagesOf(`
debian: bookworm
copy: a.txt:/a.txt
run: [echo hi > /hi, [ls, -l], { command: make, shell: [bash, -c], network: none }]
`);
  expect(target).toBe(0);
  expect(stages[0]!.steps).toMatchObject([
    { op: "copy", text: "COPY a.txt /a.txt", where: "step 1", chmod: "u=rwX,go=rX" },
    { op: "run", argv: ["/bin/sh", "-c", "echo hi > /hi"], user: "", cwd: "/", line: 2 },
    { op: "run", argv: ["ls", "-l"] },
    { op: "run", argv: ["bash", "-c", "make"], network: "none" },
  ]);
});

test("a base on which something runs has apt, unless it has no shell", () => {
  const packagesOf = (text: string) =>
    stagesOf(text).stages.map(({ base }) =>
      base.kind === "packages" ? base.packages.base.packages : base.kind,
    );
  expect(packagesOf("debian: bookworm\napt: [zip]\nrun: 'true'\n")).toEqual([["apt", "zip"]]);
  expect(packagesOf("debian: { suite: bookworm, variant: distroless }\nrun: [[ls]]\n")).toEqual([[]]);
  expect(packagesOf("from: python:3.12\nrun: 'true'\n")).toEqual([[]]);
  // What a stage stands on that runs something.
  const below = "stages: { base: { debian: bookworm }, made: { stage: base, run: 'true' } }\nstage: made\n";
  expect(packagesOf(below)).toEqual([["apt"], "stage", "stage"]);
  const beside = "stages: { base: { debian: bookworm } }\ncopy: { from: /a, stage: base }\nfrom: scratch\n";
  expect(packagesOf(beside)).toEqual([[], "scratch"]);
});

test("stages come after those that they need, whatever their order in the text", () => {
  const { stages, target } = stagesOf(`
stages:
  last: { stage: middle }
  middle:
    stage: first
    run: [{ command: x, mounts: [{ type: cache, target: /c, stage: side }] }]
  side: { from: scratch }
  first: { debian: bookworm, workdir: /first }
copy: { from: /x, stage: last }
debian: bookworm
`);
  expect(stages.map(({ name }) => name)).toEqual(["first", "side", "middle", "last", "image"]);
  expect(target).toBe(4);
  expect(stages[2]).toMatchObject({
    base: { kind: "stage", stage: 0 },
    config: { workdir: "/first" },
    steps: [
      {
        cwd: "/first",
        where: "middle, step 1",
        mounts: [{ from: { kind: "stage", stage: 1 }, source: "." }],
      },
    ],
  });
});

test("mounts mean what they mean in a Dockerfile", () => {
  const { stages } = stagesOf(`
debian: bookworm
run:
  - command: x
    workdir: /w
    mounts:
      - { type: cache, target: c, sharing: locked, mode: 0700, uid: 5 }
      - { type: bind, target: /b }
      - { type: tmpfs, target: /t, size: 64m }
      - { type: secret, id: dir/token }
      - { type: secret, id: named, env: TOKEN, required: true }
      - { type: ssh }
`);
  expect(stages[0]!.steps[0]).toMatchObject({
    env: [["SSH_AUTH_SOCK", "/run/buildkit/ssh_agent.0"]],
    mounts: [
      { type: "cache", target: "/w/c", id: "c", sharing: "locked", mode: 0o700, uid: 5, isReadOnly: false },
      { type: "bind", target: "/b", from: { kind: "context" }, source: ".", isReadOnly: true },
      { type: "tmpfs", target: "/t", sizeBytes: 64 * 2 ** 20 },
      { type: "secret", id: "dir/token", target: "/run/secrets/token", mode: 0o400, isRequired: false },
      { type: "secret", id: "named", env: "TOKEN", isRequired: true },
      { type: "ssh", id: "default", target: "/run/buildkit/ssh_agent.0", mode: 0o600 },
    ],
  });
  const [step] = stages[0]!.steps;
  expect(step?.op === "run" && "target" in step.mounts[4]!).toBe(false);
});

test("files of the web and of repositories are copies; what they are is said or left to the lock", () => {
  const { stages } = stagesOf(`
from: scratch
steps:
  - http: { url: "https://example.org/a/tool.tgz?sig=1", to: /opt/, unpack: true, chmod: 644 }
  - git: { url: "https://example.org/repo.git", ref: v1.10, to: /src }
  - git: { url: "git@example.org:repo.git", commit: ${"0".repeat(40)} }
`);
  expect(stages[0]!.steps).toMatchObject([
    {
      text: "HTTP https://example.org/a/tool.tgz /opt/",
      sources: [{ kind: "http", isUnpacked: true }],
      ...{ chmod: "644", opensDirectories: true },
    },
    { sources: [{ kind: "git", ref: "v1.10", keepsGitFolder: false }], destination: "/src" },
    { sources: [{ kind: "git", ref: "0".repeat(40) }], destination: "/" },
  ]);
});

test("the builder says the same, and images that others speak of need no names", () => {
  const base = image(debian("bookworm")).apt("gcc").copy("app.c", "/src/");
  const build = base.run("cc -o /app /src/app.c", { mounts: [{ type: "cache", target: "/c", stage: base }] });
  const added = diff(base, build);
  const built = image(from("scratch"))
    .copy("/app", "/app", { stage: build })
    .copy("/lib", "/lib", { image: "busybox" })
    .merge(added)
    .http("https://example.org/x", "/x", { checksum: `sha256:${"0".repeat(64)}` })
    .git("https://example.org/r.git", "/r", { ref: "main" })
    .copy("notes.txt", "/");
  expect(built.toLoadedSpec()).toEqual(
    parseSpecYaml(
      `
from: scratch
stages:
  stage-1: { debian: bookworm, apt: [gcc], copy: "app.c:/src/" }
  stage-2:
    debian: bookworm
    apt: [gcc]
    steps:
      - copy: "app.c:/src/"
      - run:
          command: cc -o /app /src/app.c
          mounts: [{ type: cache, target: /c, stage: stage-1 }]
  stage-3: { diff: { lower: stage-1, upper: stage-2 } }
steps:
  - copy: { from: /app, to: /app, stage: stage-2 }
  - copy: { from: /lib, to: /lib, image: busybox }
  - merge: stage-3
  - http: { url: "https://example.org/x", to: /x, checksum: "sha256:${"0".repeat(64)}" }
  - git: { url: "https://example.org/r.git", to: /r, ref: main }
  - copy: "notes.txt:/"
`,
      "cambium.yaml",
    ),
  );
});

test("an image may stand on another one, and has its settings", () => {
  const base = image(debian("bookworm")).workdir("/w").cmd("serve");
  expect(image(base).run("true").toLoadedSpec().stages).toMatchObject({
    stages: [
      { config: { workdir: "/w", cmd: ["serve"] } },
      { base: { kind: "stage", stage: 0 }, steps: [{ cwd: "/w" }] },
    ],
  });
});

test.for([
  {
    text: "steps:\n  - run: x\nrun: y\n",
    says: "cambium.yaml:3:6: run stands beside steps, so the order is not clear",
    hint: "Write it as an item of steps: - run: …",
  },
  {
    text: "steps:\n  - { run: x, copy: y }\n",
    says: "cambium.yaml:2:5: steps[0]: expected one of copy, run, http, git, merge, got copy and run",
  },
  {
    text: "steps:\n  - runn: x\n",
    says: 'cambium.yaml:2:5: unknown key "runn" in steps[0]',
    hint: 'Did you mean "run"?',
  },
  {
    text: "stages: { build: { run: x } }\ncopy: { from: /a, stage: biuld }\n",
    says: 'there is no stage "biuld"',
    hint: 'Did you mean "build"?',
  },
  {
    text: "stages: { a: { stage: b }, b: { stage: c }, c: { stage: b } }\nstage: a\n",
    says: "stages go round in a loop: b needs c needs b",
  },
  {
    text: "stages: { a: { debian: bookworm } }\nstage: a\napt: [zip]\n",
    says: "cambium.yaml:3:6: apt: packages and accounts stand on debian or an image, not on stage a",
    hint: "Say it in stage a.",
  },
  { text: "from: scratch\ndebian: bookworm\n", says: "debian and from both name a base" },
  {
    text: "run: { command: x, mounts: [{ type: tmpfs, target: /t, sharing: locked }] }\n",
    says: "run: mount: a mount of type tmpfs has no sharing",
    hint: "It has target, size.",
  },
  {
    text: "run: { command: x, mounts: [{ type: cache, target: / }] }\n",
    says: "mount: a cache needs a target, which is not the root",
  },
  { text: "run: { command: [x], shell: [y] }\n", says: "run: a list of words goes to no shell" },
  {
    text: "run: { comand: x }\n",
    says: 'unknown key "comand" in run',
    hint: 'Did you mean "command"?',
  },
  { text: "run: []\n", says: "run: expected a list with something in it" },
  {
    text: "steps: [{ http: { url: 'https://me:secret@example.org/x' } }]\n",
    says: "a URL with credentials cannot stand here",
  },
  {
    text: `steps: [{ git: { url: x, ref: a, commit: ${"0".repeat(40)} } }]\n`,
    says: "git: ref and commit both say which commit is meant",
  },
  {
    text: "copy: { from: a, stage: b, image: c }\nstages: { b: {} }\n",
    says: "stage and image both say where files come from",
  },
])("$says", ({ text, says, hint }) => {
  expect(() => parseSpecYaml(text, "cambium.yaml")).toThrow(
    expect.objectContaining({
      code: expect.stringMatching(/^SPEC_(INVALID|UNKNOWN_KEY)$/),
      message: expect.stringContaining(says),
      ...(hint !== undefined && { hint }),
    }),
  );
});

test("a password in a URL is not shown where it is refused", () => {
  const text = "steps: [{ http: { url: 'https://me:secret@example.org/x' } }]\n";
  expect(() => parseSpecYaml(text, "cambium.yaml")).not.toThrow(/secret/);
});

test.for([
  [() => image().run(""), ".run(…): steps[0].run.command: expected"],
  [() => image().merge({} as never), ".merge(…): expected an image that image(…) gave"],
  [() => image().copy("a", "/", { stage: "build" as never }), ".copy(…): expected an image"],
  [
    () =>
      image()
        .run("x")
        .git("u", "/", { ref: "a", commit: "0".repeat(40) })
        .toDefinition(),
    ".git(…): git: ref",
  ],
] as const)("%#: a mistake names the call", ([call, message]) => {
  expect(call).toThrowError(message);
});

test("certificates are lent to commands and are in no definition", () => {
  const text = "debian: bookworm\nrun: 'true'\n";
  const { settings, ...plain } = parseSpecYaml(text, "cambium.yaml");
  const lent = parseSpecYaml(`${text}ca: all.pem\n`, "cambium.yaml");
  expect(lent).toEqual({ ...plain, settings: { ...settings, ca: "all.pem" } });
  expect(image(debian("bookworm")).run("true").ca("all.pem").toLoadedSpec()).toEqual(lent);
  const inStage = "stages: { made: { debian: bookworm, run: 'true' } }\nstage: made\nca: all.pem\n";
  expect(parseSpecYaml(inStage, "cambium.yaml").settings.ca).toBe("all.pem");
});

test("certificates that nothing would find are refused", () => {
  const refused = /ca: no command runs here that would find these certificates/;
  for (const rest of ["debian: bookworm\n", "stages: { base: { debian: bookworm } }\nstage: base\n"]) {
    const text = `ca: all.pem\n${rest}`;
    expect(() => parseSpecYaml(text, "cambium.yaml")).toThrowError(/^cambium\.yaml:1:\d+: ca: no command/);
  }
  expect(() => image(debian("bookworm")).ca("all.pem").toLoadedSpec()).toThrowError(refused);
});
