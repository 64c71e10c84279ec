import { expect, test } from "vitest";
import type { BuildResult, MountSnapshotResult } from "../actions/results.ts";
import type { BuildSettings, ProjectSettings, RunSettings } from "../actions/settings.ts";
import { CambiumError, environmentError } from "../errors.ts";
import { parseDiffId, parseDigest } from "../layer/digest.ts";
import type { Library } from "./library.ts";
import { main } from "./main.ts";
import type { World } from "./world.ts";

const digest = parseDigest(`sha256:${"a".repeat(64)}`, "test");
const diffId = parseDiffId(`sha256:${"b".repeat(64)}`, "test");
const built: BuildResult = { digest, images: [], tags: [], outputs: [] };

type Call = { readonly name: string; readonly settings: unknown };
type Ran = {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly calls: readonly Call[];
};

/** Runs one command line against a library that records what it is asked and answers as told. */
async function cambium(
  argv: readonly string[],
  options: {
    readonly env?: Record<string, string>;
    readonly library?: Partial<Library>;
    readonly signal?: AbortSignal;
  } = {},
): Promise<Ran> {
  const calls: Call[] = [];
  const text = { stdout: "", stderr: "" };
  const stream = (name: "stdout" | "stderr") => ({
    write: (part: string) => {
      text[name] += part;
    },
  });
  const unasked = async (): Promise<never> => {
    throw new Error("not expected to be called");
  };
  const answers: Library = {
    build: async () => built,
    rebase: unasked,
    plan: unasked,
    explain: unasked,
    listBuilds: unasked,
    lock: unasked,
    run: async () => 0,
    inspect: unasked,
    validate: unasked,
    prune: unasked,
    remoteUsage: unasked,
    pruneRemote: unasked,
    diskUsage: unasked,
    listMounts: unasked,
    pruneMounts: unasked,
    snapshotMount: unasked,
    restoreMount: unasked,
    ...options.library,
  };
  const recording = Object.fromEntries(
    Object.entries(answers).map(([name, call]) => [
      name,
      (settings: never) => {
        calls.push({ name, settings });
        return call(settings);
      },
    ]),
  ) as unknown as Library;
  const world: World = {
    env: options.env ?? {},
    cwd: "/home/ada/project",
    homeDir: "/home/ada",
    stdout: stream("stdout"),
    stderr: stream("stderr"),
    isStdinTTY: false,
    now: () => 0,
    signal: options.signal ?? new AbortController().signal,
    library: recording,
  };
  const exitCode = await main(argv, world);
  return { exitCode, ...text, calls };
}

async function buildSettings(
  argv: readonly string[],
  env: Record<string, string> = {},
): Promise<BuildSettings> {
  const ran = await cambium(["build", ...argv], { env });
  expect(ran.stderr).toBe("");
  return ran.calls[0]!.settings as BuildSettings;
}

test("build without flags: the project here, nothing demanded, the digest on stdout", async () => {
  const ran = await cambium(["build"]);
  expect(ran).toMatchObject({ exitCode: 0, stdout: `${digest}\n`, stderr: "" });
  const { emit: _, signal: __, ...settings } = ran.calls[0]!.settings as BuildSettings;
  expect(settings).toEqual({
    storeRoot: "/home/ada/.cache/cambium",
    env: {},
    flags: expect.not.arrayContaining(["--target", "--no-cache=STAGE"]),
    contextDir: "/home/ada/project",
    platforms: [],
    extras: [],
    groups: [],
    extraIndexUrls: [],
    locked: false,
    upgrade: false,
    noCache: false,
    pull: false,
    tags: [],
    outputs: [],
    push: false,
    cacheFrom: [],
    cacheTo: [],
    dockerfile: {
      ...{ buildArgs: new Map(), buildContexts: new Map(), secrets: new Map(), sshSockets: new Map() },
      ...{ network: "host", allowsInsecure: false },
    },
  });
});

test("--load takes its engine only after =, so that the path stays the path", async () => {
  for (const [argv, load] of [
    [["--load", "."], "auto"],
    [["--load=podman", "."], "podman"],
    [[".", "--load"], "auto"],
  ] as const) {
    expect(await buildSettings(argv)).toMatchObject({ contextDir: "/home/ada/project", load });
  }
  const unknown = await cambium(["build", "--load=rkt"]);
  expect(unknown).toMatchObject({ exitCode: 2, calls: [] });
  expect(unknown.stderr).toContain("Allowed choices are auto, docker, podman, containerd.");
  const rebased = await cambium(["rebase", "app:1", "--base", "debian", "--load=docker"]);
  expect(rebased.calls).toMatchObject([{ name: "rebase", settings: { image: "app:1", load: "docker" } }]);
});

test("every flag of build arrives as a final value", async () => {
  const settings = await buildSettings(
    [
      ...["../other", "-f", "deploy.yaml", "-t", "app:1", "--tag", "app:latest", "-t", "app:1", "--push"],
      ...[
        "-o",
        "type=oci,dest=out",
        "-o",
        'type=tar,"dest=a,b.tar"',
        "--platform",
        "linux/arm64,linux/amd64",
      ],
      ...["--platform", "linux/aarch64", "--python", "3.13", "--extra", "web", "--group", "dev", "--locked"],
      ...[
        "--upgrade=numpy",
        "--upgrade=six",
        "--no-cache",
        "--debian-mirror",
        "https://mirror.example/debian",
      ],
      ...["--default-index", "https://index.example/simple", "--index", "https://a:b@extra.example/simple"],
      ...["--cache-from", "registry.example/a:1", "--cache-to", "registry.example/b:1"],
      ...["--base", "python:3.13-slim", "--pull", "--progress", "plain", "-j", "3"],
      ...["--target", "web", "--build-arg", "A=b=c", "--build-arg", "FROM_ENV", "--build-arg", "UNSET"],
      ...["--build-context", "data=../data", "--build-context", "base=docker-image://alpine:3"],
      ...[
        "--secret",
        "id=file,src=token.txt",
        "--secret",
        "id=variable,env=TOKEN",
        "--ssh",
        "git=agent.sock",
      ],
      ...["--network", "none", "--allow", "security.insecure"],
    ],
    { CAMBIUM_ROOT: "store", SOURCE_DATE_EPOCH: "1700000000", FROM_ENV: "of the environment" },
  );
  const { emit: _, signal: __, env: ___, ...rest } = settings;
  expect(rest).toEqual({
    storeRoot: "/home/ada/project/store",
    flags: expect.arrayContaining([
      "--target",
      "--build-arg",
      "--default-index",
      "--base",
      "--debian-mirror",
    ]),
    contextDir: "/home/ada/other",
    file: "/home/ada/project/deploy.yaml",
    tags: ["app:1", "app:latest"],
    push: true,
    cacheFrom: [{ place: { kind: "registry", reference: "registry.example/a:1" } }],
    cacheTo: [{ place: { kind: "registry", reference: "registry.example/b:1" }, mounts: "all", mode: "max" }],
    dockerfile: {
      target: "web",
      buildArgs: new Map([
        ["A", "b=c"],
        ["FROM_ENV", "of the environment"],
      ]),
      buildContexts: new Map([
        ["data", "/home/ada/data"],
        ["base", "docker-image://alpine:3"],
      ]),
      secrets: new Map<string, object>([
        ["file", { kind: "file", path: "/home/ada/project/token.txt" }],
        ["variable", { kind: "env", name: "TOKEN" }],
      ]),
      sshSockets: new Map([["git", "/home/ada/project/agent.sock"]]),
      network: "none",
      allowsInsecure: true,
    },
    outputs: [
      { type: "oci", dest: "/home/ada/project/out" },
      { type: "tar", dest: "/home/ada/project/a,b.tar" },
    ],
    platforms: [
      { os: "linux", architecture: "arm64" },
      { os: "linux", architecture: "amd64" },
    ],
    python: "3.13",
    extras: ["web"],
    groups: ["dev"],
    locked: true,
    upgrade: ["numpy", "six"],
    noCache: true,
    base: "python:3.13-slim",
    pull: true,
    debianMirror: "https://mirror.example/debian",
    indexUrl: "https://index.example/simple",
    extraIndexUrls: ["https://a:b@extra.example/simple"],
    concurrency: 3,
    sourceDateEpoch: 1_700_000_000,
  });
});

test("bytecode is what the project says, unless a flag says otherwise", async () => {
  expect(await buildSettings([])).not.toHaveProperty("bytecode");
  expect(await buildSettings(["--bytecode"])).toMatchObject({ bytecode: true });
  expect(await buildSettings(["--no-bytecode"])).toMatchObject({ bytecode: false });
});

test("--upgrade takes a name only after =, so that it never swallows PATH", async () => {
  expect(await buildSettings(["--upgrade", "app"])).toMatchObject({
    upgrade: true,
    contextDir: "/home/ada/project/app",
  });
  expect(await buildSettings(["--upgrade", "--upgrade=six"])).toMatchObject({ upgrade: true });
});

test("--build-context takes folders and two schemes, and refuses others", async () => {
  const digest = `sha256:${"ab".repeat(32)}`;
  const { dockerfile } = await buildSettings([
    ...[
      "--build-context",
      "a=oci-layout://images/a:1",
      "--build-context",
      `b=oci-layout:///images/b@${digest}`,
    ],
    ...["--build-context", "c=docker-image://alpine", "--build-context", "d=./d"],
  ]);
  expect([...dockerfile.buildContexts.values()]).toEqual([
    "oci-layout:///home/ada/project/images/a:1",
    `oci-layout:///images/b@${digest}`,
    "docker-image://alpine",
    "/home/ada/project/d",
  ]);
  for (const place of ["https://ada:secret@example.org/x.git", "oci-layout://", "docker-image://"]) {
    const refused = await cambium(["build", "--build-context", `x=${place}`]);
    expect(refused).toMatchObject({ exitCode: 2, calls: [] });
    expect(refused.stderr).toContain("oci-layout://FOLDER");
    expect(refused.stderr).not.toContain("secret");
  }
});

test("--no-cache is for all, or after = for a stage; it never swallows PATH", async () => {
  const all = await buildSettings(["--no-cache", "app"]);
  expect(all).toMatchObject({ noCache: true, contextDir: "/home/ada/project/app" });
  expect(all.flags).not.toContain("--no-cache=STAGE");
  const some = await buildSettings(["--no-cache=test", "--no-cache=0", "app"]);
  expect(some).toMatchObject({ noCache: ["test", "0"], contextDir: "/home/ada/project/app" });
  expect(some.flags).toContain("--no-cache=STAGE");
  expect(await buildSettings(["--no-cache=test", "--no-cache"])).toMatchObject({ noCache: true });
});

test("flags of run for the process inside are none of the build", async () => {
  const { calls } = await cambium(["run", "--network", "none", "-e", "A=1", "--python", "3.13"]);
  const { flags } = calls[0]!.settings as RunSettings;
  expect(flags).toContain("--python");
  expect(flags).not.toContain("--network");
});

test("what follows PATH of run belongs to the program inside", async () => {
  const settings = async (argv: readonly string[]): Promise<RunSettings> =>
    (await cambium(["run", ...argv])).calls[0]!.settings as RunSettings;
  expect(await settings([".", "pip", "install", "--upgrade", "-e", "."])).toMatchObject({
    contextDir: "/home/ada/project",
    args: ["pip", "install", "--upgrade", "-e", "."],
  });
  expect(await settings(["--", "python", "-V"])).toMatchObject({ contextDir: "/home/ada/project/python" });
  expect(await settings([".", "--", "python", "-V"])).toMatchObject({ args: ["python", "-V"] });
  expect(await settings(["--image", "app:1", "python", "-V"])).toMatchObject({
    image: "app:1",
    contextDir: "/home/ada/project",
    args: ["python", "-V"],
  });
});

test("run ends with the exit code of the program inside", async () => {
  expect(await cambium(["run"], { library: { run: async () => 42 } })).toMatchObject({
    exitCode: 42,
    stdout: "",
  });
});

test("run: variables, volumes and user arrive parsed", async () => {
  const ran = await cambium(
    [
      "run",
      "-e",
      "A=1=2",
      "-e",
      "HOST",
      "-e",
      "UNSET",
      "-v",
      "data:/data/:ro",
      "-u",
      "1000:0",
      "--network",
      "none",
    ],
    { env: { HOST: "here" } },
  );
  expect(ran.calls[0]!.settings).toMatchObject({
    envOverrides: [
      ["A", "1=2"],
      ["HOST", "here"],
    ],
    volumes: [{ source: "/home/ada/project/data", target: "/data", isReadOnly: true }],
    user: "1000:0",
    network: "none",
  });
});

test.for([
  [["biuld"], "error[USAGE]: unknown command 'biuld'\nhint: Did you mean build? See cambium --help.\n"],
  [
    ["build", "--platfrom", "x"],
    "error[USAGE]: unknown option '--platfrom'\nhint: Did you mean --platform? See cambium build --help.\n",
  ],
  [
    ["build", "--tag"],
    "error[USAGE]: option '-t, --tag <name>' argument missing\nhint: See cambium build --help.\n",
  ],
  [
    ["build", "a", "b"],
    "error[USAGE]: too many arguments for 'build'. Expected 1 argument but got 2: a, b.\nhint: See cambium build --help.\n",
  ],
  [["inspect"], "error[USAGE]: missing required argument 'source'\nhint: See cambium inspect --help.\n"],
  [
    ["build", "--progress", "loud"],
    "error[USAGE]: option '--progress <mode>' argument 'loud' is invalid. Allowed choices are auto, tty, plain, json.\nhint: See cambium build --help.\n",
  ],
  [
    ["build", "-o", "type=oic,dest=x"],
    'error[OUTPUT_SYNTAX]: --output: unknown type "oic": "type=oic,dest=x"\nhint: Did you mean oci? Known: oci, docker, tar, rootfs.\n',
  ],
  [
    ["build", "-o", "type=local,dest=x"],
    'error[OUTPUT_SYNTAX]: --output: unknown type "local": "type=local,dest=x"\nhint: A root filesystem as a folder is type=rootfs here.\n',
  ],
  [
    ["build", "-o", "type=oci"],
    'error[OUTPUT_SYNTAX]: --output: dest is missing: "type=oci"\nhint: Write type=oci|docker|tar|rootfs,dest=PATH.\n',
  ],
  [
    ["build", "-o", "type=oci,dest=out", "-o", "type=rootfs,dest=out/root"],
    "error[OUTPUT_CONFLICT]: --output: rootfs to /home/ada/project/out/root would write into oci to /home/ada/project/out\nhint: Give each output a place of its own.\n",
  ],
  [
    ["build", "--push"],
    "error[PUSH_UNTAGGED]: --push: no --tag says where to\nhint: Add -t REGISTRY/NAME:TAG.\n",
  ],
  [
    ["build", "--platform", "windows/amd64"],
    'error[PLATFORM_UNSUPPORTED]: --platform: unsupported platform: "windows/amd64"\nhint: Supported: linux/amd64, linux/arm64.\n',
  ],
  [
    ["build", "--index", "ftp://user:secret@index.example/"],
    "error[URL_SYNTAX]: --index: not a URL: (not shown, since it may hold a password)\nhint: Write http://… or https://….\n",
  ],
  [["build", "-j", "0"], 'error[NUMBER_SYNTAX]: --jobs: not a whole number from 1: "0"\n'],
  [
    ["cache", "prune", "--max-size", "lots"],
    'error[SIZE_SYNTAX]: --max-size: not a size: "lots"\nhint: Write 500MB or 20GB.\n',
  ],
] as const)("%s is refused with exit code 2, on stderr", async ([argv, stderr]) => {
  expect(await cambium(argv)).toEqual({ exitCode: 2, stdout: "", stderr, calls: [] });
});

test("a SOURCE_DATE_EPOCH that is no number of seconds is refused, an empty one ignored", async () => {
  for (const value of ["yesterday", "-1", "1.5", "0x10", "253402300800", "9".repeat(30)]) {
    const ran = await cambium(["build"], { env: { SOURCE_DATE_EPOCH: value } });
    expect(ran).toMatchObject({ exitCode: 2, calls: [] });
    expect(ran.stderr).toContain(
      `error[SOURCE_DATE_EPOCH_SYNTAX]: SOURCE_DATE_EPOCH: not a number of seconds since 1970: "${value}"`,
    );
  }
  expect(await buildSettings([], { SOURCE_DATE_EPOCH: "" })).not.toHaveProperty("sourceDateEpoch");
  expect(await buildSettings([], { SOURCE_DATE_EPOCH: "0" })).toMatchObject({ sourceDateEpoch: 0 });
});

test.for([
  [{ CAMBIUM_ROOT: "/store", XDG_CACHE_HOME: "/cache" }, "/store"],
  [{ XDG_CACHE_HOME: "/cache", HOME: "/root" }, "/cache/cambium"],
  [{ XDG_CACHE_HOME: "relative", HOME: "/root" }, "/root/.cache/cambium"],
  [{ CAMBIUM_ROOT: "", HOME: "/root" }, "/root/.cache/cambium"],
] as const)("with %o the store is %s", async ([env, root]) => {
  expect(await buildSettings([], env)).toMatchObject({ storeRoot: root });
});

test("errors of the library give its exit code and nothing on stdout", async () => {
  const failing = (error: unknown): Partial<Library> => ({
    build: async () => {
      throw error;
    },
  });
  const lacking = await cambium(["build"], {
    library: failing(environmentError("DISK_FULL", "/store: full", "Free some.")),
  });
  expect(lacking).toMatchObject({
    exitCode: 3,
    stdout: "",
    stderr: "error[DISK_FULL]: /store: full\nhint: Free some.\n",
  });
  expect(await cambium(["build"], { library: failing(new CambiumError("NO_WHEEL", "foo")) })).toMatchObject({
    exitCode: 1,
  });
  const unknown = await cambium(["build"], { library: failing(new TypeError("boom")) });
  expect(unknown.exitCode).toBe(1);
  expect(unknown.stderr).toMatch(/Please report it/);
});

test("an interrupt ends with 130 and says what is kept, whatever the library threw", async () => {
  const controller = new AbortController();
  const ran = await cambium(["build"], {
    signal: controller.signal,
    library: {
      build: async () => {
        controller.abort();
        throw new TypeError("socket closed");
      },
    },
  });
  expect(ran).toMatchObject({
    exitCode: 130,
    stdout: "",
    stderr: "error[INTERRUPTED]: interrupted; what was finished is kept in the store\n",
  });
});

test("help and version go to stdout with 0; a missing command shows help on stderr with 2", async () => {
  expect(await cambium(["--version"])).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
  });
  expect(await cambium(["build", "--help"])).toMatchObject({ exitCode: 0, stderr: "", calls: [] });
  expect(await cambium([])).toMatchObject({
    exitCode: 2,
    stdout: "",
    stderr: expect.stringContaining("Usage: cambium"),
  });
});

test("every command's help has an example", async () => {
  const commands = [
    ...["build", "plan", "lock", "run", "inspect", "validate", "cache du", "cache prune"],
    ...["mount ls", "mount prune"],
  ];
  for (const command of commands) {
    const { stdout } = await cambium([...command.split(" "), "--help"]);
    expect(stdout, command).toMatch(new RegExp(`Examples:\\n {2}\\$ cambium ${command}`));
  }
});

test("plan prints each layer with its packages, or the same as JSON", async () => {
  const result = {
    source: "requirements.txt (no configuration)",
    base: "debian bookworm (standard), python 3.11",
    images: [
      {
        platform: { os: "linux", architecture: "amd64" },
        downloadBytes: 11_050,
        layers: [
          { name: "debian", digest, sizeBytes: 30_000_000, grouping: "base", packages: [], isReused: true },
          {
            name: "python packages 3",
            sizeBytes: 11_050,
            grouping: "bucket",
            packages: [{ ecosystem: "python", name: "six", version: "1.17.0", sizeBytes: 11_050 }],
            isReused: false,
          },
        ],
      },
    ],
  } as const;
  const library: Partial<Library> = { plan: async () => result };
  expect((await cambium(["plan"], { library })).stdout).toMatchInlineSnapshot(`
    "from  requirements.txt (no configuration)
    base  debian bookworm (standard), python 3.11

    linux/amd64
        1  reused debian                                   base       30.0 MB
        2  new    python packages 3                        bucket    ~11.1 kB
           six 1.17.0                                                 11.1 kB
      2 layers, 30.0 MB: 1 reused, 1 new; 11.1 kB to download
    "
  `);
  expect(JSON.parse((await cambium(["plan", "--json"], { library })).stdout)).toEqual(result);
});

test("lock --check of a lock that would change exits with 1 and shows the change", async () => {
  const ran = await cambium(["lock", "--check", "--no-urls", "-o", "my.lock"], {
    library: {
      lock: async (settings) => {
        expect(settings).toMatchObject({ check: true, urls: false, output: "/home/ada/project/my.lock" });
        return {
          path: "my.lock",
          state: "stale",
          distributions: 3,
          debs: 1,
          sources: 0,
          changes: [
            { ecosystem: "python", name: "numpy", from: "2.0.0", to: "2.1.0" },
            { ecosystem: "python", name: "six", to: "1.17.0" },
            { ecosystem: "debian", name: "libgomp1", from: "12.2.0-14" },
          ],
        };
      },
    },
  });
  expect(ran.exitCode).toBe(1);
  expect(ran.stdout).toMatchInlineSnapshot(`
    "~ numpy 2.0.0 -> 2.1.0
    + six 1.17.0
    - libgomp1 12.2.0-14
    out of date my.lock: 3 distributions, 1 Debian package
    hint: Run cambium lock and commit the file.
    "
  `);
});

test("inspect shows layers and config; text from the image cannot steer the terminal", async () => {
  const ran = await cambium(["inspect", "app:1", "--platform", "linux/amd64"], {
    library: {
      inspect: async (settings) => {
        expect(settings).toMatchObject({ source: "app:1", cwd: "/home/ada/project" });
        return {
          source: "app:1",
          digest,
          mediaType: "application/vnd.oci.image.manifest.v1+json",
          images: [
            {
              platform: "linux/amd64",
              digest,
              sizeBytes: 30_011_050,
              config: {
                env: ["PATH=/opt/venv/bin:/usr/bin"],
                entrypoint: [],
                cmd: ["python", "app.py"],
                workdir: "/app",
                exposedPorts: [],
                volumes: [],
                labels: { note: "a\u001b[31mb" },
              },
              layers: [
                {
                  name: "python packages 3",
                  mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
                  digest,
                  diffId,
                  sizeBytes: 11_050,
                  entries: 12,
                  packages: [{ ecosystem: "python", name: "six", version: "1.17.0", sizeBytes: 11_050 }],
                },
              ],
            },
          ],
        };
      },
    },
  });
  expect(ran.stdout).toMatchInlineSnapshot(`
    "app:1 sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa

    linux/amd64 sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 30.0 MB in 1 layer
        1  aaaaaaaaaaaa python packages 3                        12 entries   11.1 kB
           six 1.17.0                                                 11.1 kB
      cmd        ["python","app.py"]
      workdir    /app
      env        PATH=/opt/venv/bin:/usr/bin
      label      note=a\\u{1b}[31mb
    "
  `);
});

test("validate exits with 1 and names each problem", async () => {
  const problems = [{ code: "DIGEST_INVALID", where: "layer 3", message: "want sha256:a, got sha256:b" }];
  const checked = { manifests: 1, layers: 4, entries: 1, bytes: 5_000_000 };
  const validate = async (): Promise<Awaited<ReturnType<Library["validate"]>>> => ({
    source: "out",
    digest,
    checked,
    problems,
  });
  const ran = await cambium(["validate", "out"], { library: { validate } });
  expect(ran).toMatchObject({
    exitCode: 1,
    stdout: `DIGEST_INVALID layer 3: want sha256:a, got sha256:b\ninvalid: 1 problem out ${digest} (1 manifest, 4 layers, 1 entry, 5.0 MB)\n`,
  });
});

test("--progress json: stderr is documents only, also for an error", async () => {
  const ran = await cambium(["build", "--progress", "json"], {
    library: {
      build: async (settings: ProjectSettings) => {
        settings.emit({ type: "notice", message: "hello" });
        throw new CambiumError("NO_WHEEL", "foo: none");
      },
    },
  });
  const types = ran.stderr
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line).type);
  expect(types).toEqual(["start", "notice", "error", "summary"]);
});

const mount = {
  ...{ name: "0123456789abcdef01234567", folder: "/store/mounts-v1/0123456789abcdef01234567" },
  ...{ id: "/root/.cache/pip", project: "git host.example/team/app", target: "/root/.cache/pip" },
  ...{ owner: { mode: 0o775, uid: 7, gid: 8 }, createdMs: -9e9, usedMs: -3 * 86_400_000, sizeBytes: 1500 },
  isInUse: false,
};

test("mount ls prints a line for each, or the same as JSON", async () => {
  const { owner: _, id: __, project: ___, target: ____, ...unknown } = mount;
  const mounts = [mount, { ...mount, id: "shared:x", project: undefined as never, isInUse: true }, unknown];
  const library = { listMounts: async () => ({ mounts, totalBytes: 4500 }) };
  const ran = await cambium(["mount", "ls"], { library });
  expect(ran.stdout).toBe(
    `${mount.name}     1.5 kB  used 3d ago     /root/.cache/pip 7:8 0775  git host.example/team/app
${mount.name}     1.5 kB  in use          shared:x 7:8 0775  all projects
${mount.name}     1.5 kB  used 3d ago     ?  records lost
3 cache mounts, 4.5 kB
`,
  );
  const json = await cambium(["mount", "ls", "--json"], { library });
  expect(JSON.parse(json.stdout)).toEqual(JSON.parse(JSON.stringify({ mounts, totalBytes: 4500 })));
});

test("mount prune takes its conditions together, a week without any, and --all alone", async () => {
  const library = { pruneMounts: async () => ({ removed: [mount], freedBytes: 1500, keptBytes: 20 }) };
  const choice = async (...argv: string[]) => {
    const ran = await cambium(["mount", "prune", ...argv], { library });
    expect(ran.stdout).toContain("removed 1 cache mount, 1.5 kB; 20 B kept\n");
    const {
      storeRoot: _,
      env: __,
      signal: ___,
      emit: ____,
      ...rest
    } = ran.calls[0]!.settings as BuildSettings;
    return rest;
  };
  expect(await choice()).toEqual({ olderThanMs: 7 * 86_400_000 });
  expect(await choice("--all")).toEqual({});
  expect(await choice("--max-size", "5GB")).toEqual({ maxBytes: 5e9 });
  expect(await choice("--id", "a", "--id", "b", "--older-than", "12h")).toEqual({
    ids: ["a", "b"],
    olderThanMs: 43_200_000,
  });
  const both = await cambium(["mount", "prune", "--all", "--max-size", "1"], { library });
  expect(both).toMatchObject({ exitCode: 2, calls: [] });
  expect(both.stderr).toContain("error[MOUNT_PRUNE_ALL]");
});

test("mount ls tells of the last snapshot", async () => {
  const snapshot = { createdMs: -2 * 3_600_000, layers: 3, sizeBytes: 2_000_000 };
  const library = { listMounts: async () => ({ mounts: [{ ...mount, snapshot }], totalBytes: 1500 }) };
  expect((await cambium(["mount", "ls"], { library })).stdout).toContain(
    "git host.example/team/app  snapshot of 2h ago, 3 layers, 2.0 MB\n",
  );
});

const travelled = { name: mount.name, id: "/c", project: "p", sizeBytes: 3_000_000 };

test("mount snapshot says what it packed and what the image holds, or the same as JSON", async () => {
  const result: MountSnapshotResult = {
    ...travelled,
    ...{ digest, layers: 2, packed: "changes", packedBytes: 1_000_000, leftOut: 2 },
    outputs: [{ type: "registry", where: "registry.example/app/c:latest", digest }],
  };
  const library = { snapshotMount: async () => result };
  const argv = ["mount", "snapshot", "/c", "-t", "registry.example/app/c", "-o", "layout"];
  const ran = await cambium(argv, { library, env: { CAMBIUM_PROJECT: "p" } });
  expect(ran.stdout).toBe(
    `${mount.name}  /c  packed what changed, 1.0 MB
registry.example/app/c:latest  ${digest}  2 layers, 3.0 MB
left out: 2 paths (sockets, devices or names that no layer can hold)
`,
  );
  expect(ran.calls[0]!.settings).toMatchObject({
    ...{
      id: "/c",
      project: "p",
      tags: ["registry.example/app/c"],
      dest: "/home/ada/project/layout",
      contextDir: "/home/ada/project",
    },
  });
  const whole = { snapshotMount: async () => ({ ...result, packed: "whole" as const, leftOut: 0 }) };
  expect((await cambium(argv, { library: whole })).stdout).toContain("packed whole, 1.0 MB");
  const json = await cambium([...argv, "--json"], { library });
  expect(JSON.parse(json.stdout)).toEqual(result);
});

test("mount restore says what it did, and takes owner and mode of a new mount", async () => {
  const result = { ...travelled, state: "restored", source: "./folder" } as const;
  const library = { restoreMount: async () => result };
  const argv = ["mount", "restore", "/c", "./folder", "--project", "q"];
  const ran = await cambium([...argv, "--uid", "7", "--mode", "0750", "--if-empty"], { library });
  expect(ran.stdout).toBe(`${mount.name}  /c  restored from ./folder, 3.0 MB\n`);
  expect(ran.calls[0]!.settings).toMatchObject({
    ...{ id: "/c", project: "q", source: "./folder", onlyIfEmpty: true, owner: { uid: 7, mode: 0o750 } },
  });
  const kept = { restoreMount: async () => ({ ...result, state: "kept" }) as const };
  expect((await cambium(argv, { library: kept })).stdout).toBe(
    `${mount.name}  /c  has content, 3.0 MB; left as it is\n`,
  );
  const wrong = await cambium([...argv, "--mode", "rwx"], { library });
  expect(wrong).toMatchObject({ exitCode: 2, calls: [] });
  expect(wrong.stderr).toContain("error[MODE_SYNTAX]");
});

test("cache du prints a line per kind, with what of it could go, or the same as JSON", async () => {
  const kinds = [
    {
      name: "Python packages",
      count: 12,
      sizeBytes: 3500,
      taggedBytes: 1500,
      inUseBytes: 0,
      freeBytes: 2000,
    },
    { name: "tools", count: 2, sizeBytes: 10, taggedBytes: 0, inUseBytes: 10, freeBytes: 0 },
  ];
  const none = { name: "bytecode", count: 0, sizeBytes: 0, taggedBytes: 0, inUseBytes: 0, freeBytes: 0 };
  const usage = { root: "/store", totalBytes: 3510, kinds: [none, ...kinds] };
  const library = { diskUsage: async () => usage };
  expect((await cambium(["cache", "du"], { library })).stdout).toBe(
    `/store
                           count       size     tagged     in use       free
  Python packages             12     3.5 kB     1.5 kB          -     2.0 kB
  tools                        2       10 B          -       10 B          -
  total                       14     3.5 kB     1.5 kB       10 B     2.0 kB
`,
  );
  expect(JSON.parse((await cambium(["cache", "du", "--json"], { library })).stdout)).toEqual(usage);
});

test("cache prune says what went, or would", async () => {
  const removed = [{ name: "records", count: 3, sizeBytes: 1500 }];
  const prune = async ({ isDryRun }: { isDryRun: boolean }) => ({
    ...{ removed, freedBytes: 1500, keptBytes: 20, isDryRun },
  });
  const ran = async (...argv: string[]) => {
    const { stdout, calls } = await cambium(["cache", "prune", ...argv], { library: { prune } });
    return { stdout, settings: calls[0]!.settings };
  };
  const bare = await ran();
  expect(bare.stdout).toBe("  records                      3     1.5 kB\nremoved 1.5 kB; 20 B kept\n");
  expect(bare.settings).toMatchObject({ takesTagged: false, isDryRun: false });
  for (const name of ["keepUsedWithinMs", "maxBytes", "keepLast", "maxStoreBytes"]) {
    expect(bare.settings).not.toHaveProperty(name);
  }
  const all = await ran(
    "--unused-for",
    "0m",
    "--max-size",
    "1GB",
    "--keep-last",
    "2",
    "--tagged",
    "--dry-run",
  );
  expect(all.stdout).toContain("would remove 1.5 kB; 20 B kept");
  expect(all.settings).toMatchObject({ keepUsedWithinMs: 0, maxBytes: 1e9, keepLast: 2 });
  expect(all.settings).toMatchObject({ takesTagged: true, isDryRun: true });
  expect(await cambium(["cache", "prune", "--keep-last", "0"])).toMatchObject({ exitCode: 2, calls: [] });
});

test("the cap of the store comes from the environment", async () => {
  expect(await buildSettings([], { CAMBIUM_STORE_MAX: "100GB" })).toMatchObject({ maxStoreBytes: 100e9 });
  expect(await buildSettings([], { CAMBIUM_STORE_MAX: "" })).not.toHaveProperty("maxStoreBytes");
  expect(await cambium(["build"], { env: { CAMBIUM_STORE_MAX: "much" } })).toMatchObject({ exitCode: 2 });
});

test("the project and the cap of cache mounts come from the environment", async () => {
  const env = { CAMBIUM_PROJECT: "team/app", CAMBIUM_MOUNTS_MAX: "50GB" };
  expect((await buildSettings([], env)).dockerfile).toMatchObject({
    project: "team/app",
    maxMountBytes: 50e9,
  });
  const { dockerfile } = await buildSettings([], { CAMBIUM_PROJECT: "", CAMBIUM_MOUNTS_MAX: "" });
  expect(dockerfile).not.toHaveProperty("project");
  expect(dockerfile).not.toHaveProperty("maxMountBytes");
  expect(await cambium(["build"], { env: { CAMBIUM_MOUNTS_MAX: "much" } })).toMatchObject({ exitCode: 2 });
});
