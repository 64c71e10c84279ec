import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startTestEngine } from "../../../tests/support/engine-api.ts";
import { AMD64, ARM64, imageOf } from "../../../tests/support/images.ts";
import { layerOf } from "../../../tests/support/layers.ts";
import { temporaryFolder } from "../../../tests/support/temporary-folder.ts";
import type { CambiumError } from "../../errors.ts";
import type { BuildEvent } from "../../events.ts";
import { imageSet } from "../../image/image.ts";
import { parseReference } from "../../image/reference.ts";
import { openImageTar } from "../../image/sources/tar.ts";
import { validateImage } from "../../image/validate.ts";
import type { EngineKind } from "./engine.ts";
import { type Loaded, loadIntoEngine } from "./load-image.ts";

const layer = layerOf(
  { path: "app", directory: true },
  {
    path: "app/data",
    file: createHash("shake256", { outputLength: 3 << 20 })
      .update("data")
      .digest(),
  },
);
const image = imageOf([layer], { cmd: ["/app/run"] });
const set = imageSet([image]);
const tags = [parseReference("team/app:1", "test")];

type Options = {
  readonly wanted?: EngineKind;
  readonly tags?: typeof tags;
  readonly signal?: AbortSignal;
  readonly set?: typeof set;
  /** On top of sockets that are not there and an empty PATH, so that no engine of this machine is ever asked. */
  readonly env?: Record<string, string>;
};

type Outcome = { readonly value?: Loaded; readonly error?: CambiumError };

async function load(folder: string, options: Options = {}) {
  const events: BuildEvent[] = [];
  const env = {
    PATH: "/nowhere",
    DOCKER_HOST: `unix://${folder}/docker`,
    CONTAINER_HOST: `unix://${folder}/podman`,
    CONTAINERD_ADDRESS: `${folder}/containerd`,
    ...options.env,
  };
  const request = {
    tags: options.tags ?? tags,
    host: AMD64,
    env,
    signal: options.signal ?? new AbortController().signal,
    ...(options.wanted && { wanted: options.wanted }),
  };
  const loaded = await loadIntoEngine(options.set ?? set, request, (event) => events.push(event)).then(
    (value): Outcome => ({ value }),
    (error: unknown): Outcome => ({ error: error as CambiumError }),
  );
  return { events, ...loaded };
}

/** A program of that name in `bin` that runs these lines of shell. */
function fakeProgram(folder: string, name: string, ...lines: string[]): Record<string, string> {
  const bin = join(folder, "bin");
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, name), ["#!/bin/sh", ...lines, ""].join("\n"), { mode: 0o755 });
  return { PATH: `${bin}:/usr/bin:/bin` };
}

async function problemsOf(tar: Uint8Array, path: string) {
  writeFileSync(path, tar);
  const source = await openImageTar(path, "1");
  const { problems } = await validateImage(source);
  await source.close();
  return problems;
}

test("the daemon gets the whole image, with its tags and progress, and no file is written", async () => {
  using folder = temporaryFolder();
  await using engine = await startTestEngine(folder.at("docker"));
  const { value, events } = await load(folder.path);
  expect(value).toEqual({ where: "docker team/app:1", digest: image.manifest.descriptor.digest });
  expect(engine.requests).toEqual(["GET /_ping", "GET /images/team/app:1/json", "POST /images/load?quiet=1"]);
  expect(await problemsOf(engine.loaded[0]!, folder.at("it.tar"))).toEqual([]);
  expect(engine.loaded[0]!.includes('"RepoTags":["docker.io/team/app:1"]')).toBe(true);
  const types = events.map(({ type }) => type);
  expect(types.slice(0, 2)).toEqual(["step-started", "upload-started"]);
  expect(types.filter((type) => type === "upload-progress").length).toBeGreaterThanOrEqual(3);
  expect(events.slice(-3)).toMatchObject([
    { type: "upload-done", sentBytes: engine.loaded[0]!.length },
    { type: "step-done", outcome: "done" },
    { type: "output", kind: "load", where: "docker team/app:1" },
  ]);
});

test.for(["config", "manifest"] as const)(
  "an engine that calls the tag by the %s's digest is sent nothing",
  async (part) => {
    using folder = temporaryFolder();
    const imageId = () => image[part].descriptor.digest;
    await using engine = await startTestEngine(folder.at("docker"), { imageId });
    const { events } = await load(folder.path);
    expect(engine.loaded).toEqual([]);
    expect(events).toContainEqual({ type: "step-done", id: "load into docker", outcome: "hit" });
  },
);

test("a tag that leads elsewhere, or an image without tags, is sent", async () => {
  using folder = temporaryFolder();
  const imageId = (name: string) => (name === "team/app:1" ? image.config.descriptor.digest : undefined);
  await using engine = await startTestEngine(folder.at("docker"), { imageId });
  await load(folder.path, { tags: [...tags, parseReference("team/app:2", "test")] });
  await load(folder.path, { tags: [] });
  expect(engine.loaded).toHaveLength(2);
});

test.for([
  [
    200,
    '{"stream":"…"}\n{"errorDetail":{"message":"x"},"error":"no space left on device"}\n',
    "200: no space left on device",
  ],
  [500, '{"message":"invalid tar header"}', "500: invalid tar header"],
  [502, "bad gateway", "502: bad gateway"],
] as const)("a refusal with %i is an error with the daemon's words", async ([status, body, problem]) => {
  using folder = temporaryFolder();
  await using _ = await startTestEngine(folder.at("docker"), {
    onLoad: (answer) => answer.writeHead(status).end(body),
  });
  const { error, events } = await load(folder.path);
  expect(error).toMatchObject({
    code: "LOAD_FAILED",
    message: `docker (${folder.at("docker")}) did not take the image: ${problem}`,
  });
  expect(events).toContainEqual({ type: "step-done", id: "load into docker", outcome: "failed" });
});

test("a daemon that goes away while it loads is an error", async () => {
  using folder = temporaryFolder();
  await using _ = await startTestEngine(folder.at("docker"), { onLoad: (answer) => answer.destroy() });
  expect((await load(folder.path)).error).toMatchObject({ code: "LOAD_FAILED" });
});

/** Its layer has other bytes than it says. */
function lyingSet() {
  const other = layerOf({ path: "other", file: Buffer.alloc(layer.descriptor.size, "x") });
  return imageSet([imageOf([{ ...layer, compressed: () => other.compressed() }])]);
}

test("a layer with wrong bytes never ends the request as if it were whole", async () => {
  using folder = temporaryFolder();
  await using engine = await startTestEngine(folder.at("docker"));
  const { error } = await load(folder.path, { set: lyingSet() });
  expect(error?.code).toMatch(/^(DIGEST|SIZE)_INVALID$/);
  await expect.poll(() => engine.broken).toBe(1);
  expect(engine.loaded).toEqual([]);
});

test("a layer with wrong bytes ends the program before it sees an end", async () => {
  using folder = temporaryFolder();
  const env = fakeProgram(
    folder.path,
    "podman",
    `[ "$1" = info ] && exit 0`,
    "cat >/dev/null",
    `: >"${folder.at("whole")}"`,
  );
  const { error } = await load(folder.path, { set: lyingSet(), wanted: "podman", env });
  expect(error?.code).toMatch(/^(DIGEST|SIZE)_INVALID$/);
  expect(existsSync(folder.at("whole"))).toBe(false);
});

test("a daemon that refuses before it has read the image is an error", async () => {
  using folder = temporaryFolder();
  await using engine = await startTestEngine(folder.at("docker"), {
    onLoadStarted: (answer) => {
      answer.writeHead(413, { connection: "close" }).end('{"message":"too large"}');
    },
  });
  expect((await load(folder.path)).error).toMatchObject({ code: "LOAD_FAILED" });
  expect(engine.loaded).toEqual([]);
});

test("a program that cannot be started is passed over, and its reason told", async () => {
  using folder = temporaryFolder();
  const env = fakeProgram(folder.path, "podman");
  writeFileSync(folder.at("bin/podman"), "#!/nowhere/interpreter\n");
  const { error } = await load(folder.path, { env, wanted: "podman" });
  expect(error).toMatchObject({ code: "LOAD_NO_ENGINE" });
  expect(error?.message).toContain("bin/podman load --quiet: spawn");
});

test("an interrupt ends the program", async () => {
  using folder = temporaryFolder();
  const controller = new AbortController();
  const lines = ['[ "$1" = info ] && exit 0', `: >"${folder.at("began")}"`, "exec sleep 60"];
  const env = fakeProgram(folder.path, "podman", ...lines);
  const running = load(folder.path, { env, wanted: "podman", signal: controller.signal });
  await expect.poll(() => existsSync(folder.at("began"))).toBe(true);
  controller.abort(new Error("stop"));
  expect((await running).error?.message).toBe("stop");
});

test("an interrupt ends the load", async () => {
  using folder = temporaryFolder();
  const controller = new AbortController();
  await using _ = await startTestEngine(folder.at("docker"), {
    onLoad: () => controller.abort(new Error("stop")),
  });
  expect((await load(folder.path, { signal: controller.signal })).error?.message).toBe("stop");
});

test("without an engine the error says what was looked for, and the way out", async () => {
  using folder = temporaryFolder();
  const { error } = await load(folder.path);
  expect(error).toMatchObject({ code: "LOAD_NO_ENGINE", exitCode: 3 });
  expect(error?.message.replaceAll(folder.path, "…")).toBe(
    "--load: no container engine answers (docker: …/docker: no such socket; podman: …/podman: no such socket; " +
      "podman: no podman on PATH; containerd: …/containerd: no such socket; containerd: no nerdctl on PATH)",
  );
  expect(error?.hint).toContain("-o type=docker,dest=FILE");
  const forced = await load(folder.path, { wanted: "docker" });
  expect(forced.error?.message).toBe(
    `--load: no container engine answers (docker: ${folder.at("docker")}: no such socket)`,
  );
});

test("a socket that nobody listens on is passed over for the next engine", async () => {
  using folder = temporaryFolder();
  // A socket's file stays when its process is killed; a plain file is refused by connect(2) the same way.
  writeFileSync(folder.at("docker"), "");
  await using engine = await startTestEngine(folder.at("podman"));
  const { value } = await load(folder.path);
  expect(value?.where).toBe("podman team/app:1");
  expect(engine.loaded).toHaveLength(1);
  expect((await load(folder.path, { wanted: "docker" })).error?.message).toMatch(/docker: connect E\w+/);
});

test("podman without a service, containerd: the programs read the image from standard input", async () => {
  using folder = temporaryFolder();
  const lines = [
    `[ "$#" -lt 3 ] && exit 0`,
    `[ "$5" = version ] && exit 0`,
    `echo "$@" >"${folder.at("args")}"`,
    `cat >"${folder.at("got")}"`,
  ];
  const env = fakeProgram(folder.path, "ctr", ...lines);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(folder.at("containerd"), resolve));
  const { value } = await load(folder.path, {
    env: { ...env, PATH: `${folder.at("bin")}:/bin`, CONTAINERD_NAMESPACE: "k8s.io" },
    wanted: "containerd",
  });
  server.close();
  expect(value?.where).toBe("containerd team/app:1");
  expect(readFileSync(folder.at("args"), "utf8")).toBe(
    `--address ${folder.at("containerd")} --namespace k8s.io images import -\n`,
  );
  expect(await problemsOf(readFileSync(folder.at("got")), folder.at("it.tar"))).toEqual([]);
  const untagged = await load(folder.path, { env, wanted: "containerd", tags: [] });
  expect(untagged.error).toMatchObject({ code: "LOAD_NO_ENGINE" });
});

test("containerd keeps images by name, so one without a name is refused before anything is sent", async () => {
  using folder = temporaryFolder();
  writeFileSync(folder.at("containerd"), "");
  const env = fakeProgram(folder.path, "ctr", "exit 0");
  const { error, events } = await load(folder.path, { env, wanted: "containerd", tags: [] });
  expect(error).toMatchObject({ code: "LOAD_UNTAGGED", exitCode: 2 });
  expect(events).toEqual([]);
});

test("a program that fails is an error with its last words", async () => {
  using folder = temporaryFolder();
  const env = fakeProgram(
    folder.path,
    "podman",
    `[ "$1" = info ] && exit 0`,
    "echo reading >&2",
    "echo no space left >&2",
    "exit 125",
  );
  const { error } = await load(folder.path, { env, wanted: "podman" });
  expect(error).toMatchObject({
    code: "LOAD_FAILED",
    message: `podman (${folder.at("bin/podman")} load --quiet) did not take the image: no space left`,
  });
});

test("of several platforms the engine gets this machine's, and that is said", async () => {
  using folder = temporaryFolder();
  await using engine = await startTestEngine(folder.at("docker"));
  const both = imageSet([imageOf([layer], {}, ARM64), image]);
  const { value, events } = await load(folder.path, { set: both });
  expect(value?.digest).toBe(image.manifest.descriptor.digest);
  expect(await problemsOf(engine.loaded[0]!, folder.at("it.tar"))).toEqual([]);
  expect(events).toContainEqual({
    type: "notice",
    message: "docker gets linux/amd64 only, which this machine runs.",
  });
  // One alone is what was asked for.
  const foreign = await load(folder.path, { set: imageSet([imageOf([layer], {}, ARM64)]) });
  expect(foreign.events.filter(({ type }) => type === "notice")).toEqual([]);
  expect(foreign.value).toBeDefined();
});
