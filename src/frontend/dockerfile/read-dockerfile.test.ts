// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are Dockerfiles' variables.
import fc from "fast-check";
import { expect, test } from "vitest";
import { parseDockerIgnore } from "../../context/docker-ignore.ts";
import { CambiumError } from "../../errors.ts";
import type { ConfigDocument } from "../../image/documents.ts";
import { formatPlatform } from "../../platform.ts";
import { type DockerfileOptions, readDockerfile } from "./read-dockerfile.ts";

type Given = Partial<Omit<DockerfileOptions, "loadBase" | "buildArgs" | "contexts">> & {
  readonly buildArgs?: Readonly<Record<string, string>>;
  readonly contexts?: Readonly<Record<string, string>>;
  readonly bases?: Readonly<Record<string, ConfigDocument["config"]>>;
};

const DIGEST = `sha256:${"0".repeat(64)}`;
const amd64 = { os: "linux", architecture: "amd64" } as const;
const arm64 = { os: "linux", architecture: "arm64" } as const;

/** Reads a text; `loads` are the images that were asked for. */
async function read(text: string, { buildArgs = {}, contexts = {}, bases = {}, ...given }: Given = {}) {
  const loads: string[] = [];
  const result = await readDockerfile(text, "Dockerfile", {
    platform: amd64,
    buildPlatform: amd64,
    ...given,
    buildArgs: new Map(Object.entries(buildArgs)),
    contexts: new Map(Object.entries(contexts)),
    loadBase: async (reference, platform) => {
      loads.push(`${reference} ${formatPlatform(platform)}`);
      return { digest: DIGEST, config: bases[reference] ?? {} };
    },
  });
  return { ...result, ...result.graph, loads: loads.sort() };
}

function refused(text: string, given: Given = {}): Promise<unknown> {
  return read(text, given).then(
    () => "read",
    ({ code, message, hint }: CambiumError) => ({ code, message, hint }),
  );
}

test("only what the target needs is loaded and built, each image once", async () => {
  const text = `
FROM debian AS unused
COPY --from=nothing /x /y
FROM debian:12 AS one
FROM debian:12 AS two
COPY --from=one /a /b
COPY --from=alpine:3 /c /d
FROM two AS last
RUN --mount=from=alpine:3,target=/m x
FROM last AS after
`;
  const { stages, target, loads } = await read(text, { target: "LAST" });
  expect(stages.map(({ name }) => name)).toEqual(["one", "two", "last"]);
  expect(target).toBe(2);
  expect(stages[2]?.base).toEqual({ kind: "stage", stage: 1 });
  expect(loads).toEqual([
    "docker.io/library/alpine:3 linux/amd64",
    "docker.io/library/debian:12 linux/amd64",
  ]);
});

test("a stage may be for the machine that builds", async () => {
  const text = `
FROM --platform=$BUILDPLATFORM go AS build
ARG TARGETARCH BUILDARCH
RUN cross
FROM debian
COPY --from=build /x /x
`;
  const { stages, loads } = await read(text, { platform: arm64 });
  expect(stages.map(({ platform }) => platform)).toEqual([amd64, arm64]);
  expect(loads).toEqual([
    "docker.io/library/debian:latest linux/arm64",
    "docker.io/library/go:latest linux/amd64",
  ]);
  expect(stages[0]?.steps[0]?.text).toBe(
    "RUN |2 TARGETARCH=arm64 BUILDARCH=amd64 /bin/sh -c cross # buildkit",
  );
});

test("stages are forgotten by name or number, those of them that are needed", async () => {
  const text = "FROM a AS one\nFROM a AS unused\nFROM a\nCOPY --from=one /x /x\n";
  expect((await read(text)).graph.forgotten).toBeUndefined();
  expect((await read(text, { forgotten: ["ONE"] })).graph.forgotten).toEqual([0]);
  expect((await read(text, { forgotten: ["2", "unused"] })).graph.forgotten).toEqual([1]);
  expect(await refused(text, { forgotten: ["on"] })).toEqual({
    code: "DOCKERFILE_STAGE",
    message: '--no-cache: no stage "on"',
    hint: "Did you mean one? Known: one, unused.",
  });
  expect(await refused(text, { forgotten: ["3"] })).toMatchObject({ code: "DOCKERFILE_STAGE" });
});

test("platforms of stages that nobody needs may be any", async () => {
  const text = "FROM --platform=linux/s390x a AS other\nFROM scratch\nCOPY a b\n";
  expect((await read(text)).stages).toHaveLength(1);
  expect(await refused(text, { target: "other" })).toMatchObject({ code: "PLATFORM_UNSUPPORTED" });
});

test("a build context takes the place of an image, of a stage, and of a source", async () => {
  const text = `
FROM app AS base
RUN base
FROM debian AS files
RUN never
FROM base
COPY --from=files /a /a
COPY --from=extra /b /b
RUN --mount=from=pinned,target=/c c
`;
  const contexts = {
    "docker.io/library/app:latest": "docker-image://mirror.example/app:9",
    files: "./folder",
    extra: "../elsewhere",
    pinned: `oci-layout://./layout@${DIGEST}`,
  };
  const { stages, loads } = await read(text, { contexts });
  expect(loads).toEqual([`mirror.example/app:9 linux/amd64`, `oci-layout://./layout@${DIGEST} linux/amd64`]);
  expect(stages.map(({ base }) => base)).toEqual([
    { kind: "image", reference: "mirror.example/app:9", digest: DIGEST },
    { kind: "context", name: "files" },
    { kind: "stage", stage: 0 },
  ]);
  expect(stages[1]?.steps).toEqual([]);
  expect(stages[2]?.steps).toMatchObject([
    { sources: [{ from: { kind: "stage", stage: 1 } }] },
    { sources: [{ from: { kind: "context", name: "extra" } }] },
    { mounts: [{ from: { kind: "image", reference: `oci-layout://./layout@${DIGEST}` } }] },
  ]);
});

test("triggers of a base run after FROM and may need more stages and images", async () => {
  const bases = {
    "docker.io/library/base:latest": {
      OnBuild: ["COPY --from=tools /t /t", "COPY --from=alpine /a /a", "RUN <<EOF\nscript\nEOF"],
    },
  };
  const text = "FROM debian AS tools\nFROM base\nRUN own\n";
  const { stages, loads } = await read(text, { bases });
  expect(stages.map(({ name }) => name)).toEqual(["tools", "1"]);
  expect(stages[1]?.steps.map((step) => [step.line, step.text])).toEqual([
    [2, "COPY /t /t # buildkit"],
    [2, "COPY /a /a # buildkit"],
    [2, "RUN /bin/sh -c script\n # buildkit"],
    [3, "RUN /bin/sh -c own # buildkit"],
  ]);
  expect(stages[1]?.config.onBuild).toEqual([]);
  expect(loads).toHaveLength(3);
});

test("a broken trigger is told where FROM stands", async () => {
  const bases = { "docker.io/library/base:latest": { OnBuild: ["RUNN x"] } };
  expect(await refused("\nFROM base\n", { bases })).toMatchObject({
    code: "DOCKERFILE_INSTRUCTION",
    message: 'Dockerfile:2:1: no instruction: "RUNN"',
  });
  const two = { "docker.io/library/base:latest": { OnBuild: ["RUN a\nRUN b"] } };
  expect(await refused("FROM base\n", { bases: two })).toMatchObject({ code: "DOCKERFILE_INSTRUCTION" });
});

test("proxies are in no environment unless an ARG asks for them", async () => {
  const buildArgs = { http_proxy: "http://p:1", NO_PROXY: "localhost", OTHER: "x" };
  const { stages, proxies } = await read("FROM scratch\nRUN a\nARG http_proxy\nRUN b\n", { buildArgs });
  expect(proxies).toEqual([
    ["HTTP_PROXY", "http://p:1"],
    ["http_proxy", "http://p:1"],
    ["NO_PROXY", "localhost"],
    ["no_proxy", "localhost"],
  ]);
  const names = stages[0]?.steps.map((step) => (step.op === "run" ? step.env.map(([name]) => name) : []));
  expect(names).toEqual([["PATH"], ["PATH", "http_proxy"]]);
});

test("a script of its own is a file that the shell is given", async () => {
  const { stages } = await read("FROM scratch\nRUN <<-S\n\t#!/bin/x\n\tgo\n\tS\n");
  expect(stages[0]?.steps[0]).toMatchObject({
    argv: ["/bin/sh", "-c", "/dev/pipes/S"],
    scripts: [{ path: "/dev/pipes/S", content: "#!/bin/x\ngo\n" }],
  });
});

test("an agent's socket is in the environment, but for one that is set", async () => {
  const { stages } = await read(
    "FROM scratch\nRUN --mount=type=ssh a\nENV SSH_AUTH_SOCK=/x\nRUN --mount=type=ssh b\n",
  );
  const sockets = stages[0]?.steps.map((step) => (step.op === "run" ? step.env.at(-1) : []));
  expect(sockets).toEqual([
    ["SSH_AUTH_SOCK", "/run/buildkit/ssh_agent.0"],
    ["SSH_AUTH_SOCK", "/x"],
  ]);
});

test("what changed no file stands between the steps where it was", async () => {
  const { stages } = await read('FROM scratch\nENV A=1\nRUN a\nCMD ["b"]\nWORKDIR /\nRUN c\nUSER d\n');
  expect(stages[0]?.config.emptyHistory).toEqual([
    { beforeStep: 0, text: "ENV A=1" },
    { beforeStep: 1, text: 'CMD ["b"]' },
    { beforeStep: 1, text: "WORKDIR /" },
    { beforeStep: 2, text: "USER d" },
  ]);
});

test("a copy of what the ignore rules leave out is warned of, but not one of another stage", async () => {
  const text =
    "FROM scratch AS a\nCOPY out/x kept /y/\nFROM scratch\nCOPY --from=a out /z\nCOPY a b\nADD out /o\n";
  const { warnings } = await read(text, { ignoreRules: parseDockerIgnore("out\n", ".dockerignore") });
  expect(warnings).toEqual([
    { code: "CopyIgnoredFile", message: "out/x is left out of the build context", line: 2 },
    { code: "CopyIgnoredFile", message: "out is left out of the build context", line: 6 },
  ]);
});

test("a name as Object has it is a name like others", async () => {
  const { stages } = await read(
    "FROM scratch AS constructor\nENV __proto__=1\nLABEL __proto__=2\nRUN x\nFROM constructor\n",
  );
  expect(stages.map(({ name }) => name)).toEqual(["constructor", "1"]);
  expect(Object.entries(stages[1]!.config.labels)).toEqual([["__proto__", "2"]]);
});

test.for([
  [
    "FROM a AS first\nCOPY --from=secnd x y\nFROM b AS second\nCOPY --from=third x y\nFROM c AS third\n",
    { target: "second" },
    "DOCKERFILE_STAGE",
    "Dockerfile:4:6: from=third: the stage third does not stand above the stage second",
    "A stage takes files from stages above it.",
  ],
  [
    "FROM a AS first\n",
    { target: "frist" },
    "DOCKERFILE_STAGE",
    '--target: no stage "frist"',
    "Did you mean first? Known: first.",
  ],
  [
    "FROM a\nFROM b\nCOPY --from=2 x y\n",
    {},
    "DOCKERFILE_STAGE",
    "Dockerfile:3:6: --from: no stage has the number 2",
    "There are 2, counted from 0.",
  ],
  [
    "RUN x\n",
    {},
    "DOCKERFILE_STAGE",
    "Dockerfile:1:1: RUN before the first FROM",
    "Only ARG may stand before FROM.",
  ],
  [
    "ARG A\n",
    {},
    "DOCKERFILE_STAGE",
    "Dockerfile:1:1: the file has no FROM",
    "Write FROM scratch to begin with nothing.",
  ],
  [
    "ARG V\nFROM $V\n",
    {},
    "DOCKERFILE_STAGE",
    "Dockerfile:2:6: FROM $V: nothing is left when its variables are put in",
    "Give the ARG before FROM a default, or set it with --build-arg.",
  ],
  [
    "FROM a\nENV X=1 \\\n  Y='2\n",
    {},
    "DOCKERFILE_SYNTAX",
    "Dockerfile:3:3: \"'2\": no ' ends the quoted text",
    undefined,
  ],
  [
    "FROM a\nSTOPSIGNAL SIGTREM\n",
    {},
    "DOCKERFILE_SYNTAX",
    'Dockerfile:2:12: not a signal: "SIGTREM"',
    "Did you mean SIGTERM?",
  ],
  [
    "FROM a\nRUN --mount=type=cahce,target=/x y\n",
    {},
    "DOCKERFILE_FLAG",
    'Dockerfile:2:5: --mount: unknown: "type=cahce"',
    "Did you mean cache? Known: bind, cache, tmpfs, secret, ssh.",
  ],
  [
    "FROM a\nADD --checksum=x file /y\n",
    {},
    "DOCKERFILE_FLAG",
    "Dockerfile:2:5: --checksum is for one source that is a URL or a git repository",
    "Write an ADD for each.",
  ],
  [
    "# syntax=example.com/other:1\nFROM a\n",
    {},
    "DOCKERFILE_FRONTEND",
    'Dockerfile:1:1: a frontend that cannot run here: "example.com/other:1"',
    "Cambium reads docker/dockerfile:1 itself; build others with BuildKit.",
  ],
] as const)("%j is refused", async ([text, given, code, message, hint]) => {
  expect(await refused(text, given)).toEqual({ code, message, hint });
});

const WORDS = [
  ..."FROM RUN COPY ADD ENV ARG LABEL ONBUILD HEALTHCHECK CMD SHELL EXPOSE VOLUME USER WORKDIR STOPSIGNAL".split(
    " ",
  ),
  ...[
    "\n",
    "\n",
    "\n",
    " a",
    " b",
    " /c",
    " A=$A$A",
    " $A",
    " ${A:-b}",
    " 'x'",
    " --from=a",
    " --mount=type=ssh",
  ],
  ...[
    " AS a",
    " 80",
    ' ["a"]',
    " <<EOF\nx $A\nEOF",
    " https://x.example/y",
    " SIGTERM",
    " CMD x",
    " scratch",
  ],
];

test("whatever the text, it comes to a graph or is refused", async () => {
  const texts = fc.array(fc.constantFrom(...WORDS), { maxLength: 60 }).map((words) => words.join(""));
  await fc.assert(
    fc.asyncProperty(texts, async (text) => {
      try {
        const { stages, target } = await read(`FROM scratch AS a\n${text}`);
        for (const [index, { base }] of stages.entries()) {
          if (base.kind === "stage") expect(base.stage).toBeLessThan(index);
        }
        expect(stages[target]).toBeDefined();
      } catch (error) {
        if (!(error instanceof CambiumError)) throw error;
      }
    }),
    { numRuns: 1000 },
  );
});

test("a variable that doubles itself has an end", async () => {
  const text = `FROM scratch\nENV A=aaaaaaaa\n${"ENV A=$A$A\n".repeat(5000)}`;
  expect(await refused(text)).toMatchObject({ code: "DOCKERFILE_SYNTAX" });
});
