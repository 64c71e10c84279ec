import fc from "fast-check";
import { expect, test } from "vitest";
import { type Digest, digestOf } from "../layer/digest.ts";
import { type CambiumLock, readCambiumLock, writeCambiumLock } from "./cambium-lock.ts";
import type { LockedDeb } from "./debian/lock.ts";
import type { LockedArchive, NormalizedName } from "./python/lock.ts";

const libc: LockedDeb = {
  name: "libc6",
  version: "2.36-9+deb12u10",
  architecture: "amd64",
  archive: "debian",
  path: "pool/main/g/glibc/libc6_2.36-9+deb12u10_amd64.deb",
  sizeBytes: 2758000,
  sha256: digestOf("libc6"),
};

const example: CambiumLock = {
  version: 1,
  inputs: digestOf("inputs"),
  debian: {
    suite: "bookworm",
    variant: "standard",
    packages: ["libgomp1"],
    targets: { amd64: [libc], arm64: [] },
  },
  python: {
    requiresPython: ">=3.11",
    distributions: [
      {
        name: "idna" as NormalizedName,
        version: "3.6",
        marker: "python_full_version >= '3.12'",
        index: "https://index.example/simple",
        wheels: [
          {
            filename: "idna-3.6-py3-none-any.whl",
            url: "https://files.example/idna-3.6-py3-none-any.whl",
            sizeBytes: 61567,
            sha256: digestOf("idna"),
          },
        ],
      },
    ],
  },
};

test("the text is for people to review", () => {
  expect(writeCambiumLock(example, { urls: true })).toMatchInlineSnapshot(`
    "# Written by \`cambium lock\`, and only by it. It belongs into version control.
    version = 1
    inputs = "sha256:32381523e63197c929b67f793a8098bed0ae3a6fa902634fdbcc6fa4567f3346"

    [debian]
    suite = "bookworm"
    variant = "standard"
    packages = ["libgomp1"]

    [debian.targets.amd64]
    packages = [
      { name = "libc6", version = "2.36-9+deb12u10", architecture = "amd64", archive = "debian", path = "pool/main/g/glibc/libc6_2.36-9+deb12u10_amd64.deb", size = 2758000, sha256 = "fb9ce3b804ed6882db53398f268a9c8e59ab103221188aee6513dfddde5b9aff" },
    ]

    [debian.targets.arm64]
    packages = []

    [python]
    requires-python = ">=3.11"

    [[python.distributions]]
    name = "idna"
    version = "3.6"
    marker = "python_full_version >= '3.12'"
    index = "https://index.example/simple"
    wheels = [
      { name = "idna-3.6-py3-none-any.whl", url = "https://files.example/idna-3.6-py3-none-any.whl", size = 61567, sha256 = "de30d2f3e9e48193e55188b7fece1776250f00f27d96c279c7e6afbf35b461e1" },
    ]
    "
  `);
});

test("without URLs the lock says nothing about where archives are", () => {
  const text = writeCambiumLock(example, { urls: false });
  expect(text).not.toMatch(/https?:/);
  expect(readCambiumLock(text, "cambium.lock").python?.distributions[0]?.wheels[0]).toEqual({
    filename: "idna-3.6-py3-none-any.whl",
    sizeBytes: 61567,
    sha256: digestOf("idna"),
  });
});

const name = fc
  .stringMatching(/^[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?$/)
  .map((text) => text.replace(/-+/g, "-") as NormalizedName);
const digest: fc.Arbitrary<Digest> = fc.string().map(digestOf);
const archive: fc.Arbitrary<LockedArchive> = fc.record(
  {
    filename: fc.stringMatching(/^[a-zA-Z0-9_.+-]{1,20}\.whl$/),
    sha256: digest,
    url: fc.webUrl({ validSchemes: ["https"] }),
    sizeBytes: fc.nat(),
  },
  { requiredKeys: ["filename", "sha256"] },
);
const lock: fc.Arbitrary<CambiumLock> = fc.record({
  version: fc.constant(1 as const),
  inputs: digest,
  python: fc.record(
    {
      requiresPython: fc.constantFrom(">=3.11", "<4,>=3.9"),
      environments: fc.constant(["sys_platform == 'linux'"]),
      defaultGroups: fc.array(name),
      distributions: fc.array(
        fc.record(
          {
            name,
            version: fc.constantFrom("1", "2.0rc1", "1!3.post1+local"),
            wheels: fc.uniqueArray(archive, { selector: ({ filename }) => filename }),
            marker: fc.constantFrom("os_name == 'nt'", 'platform_version == "a\'b"'),
            requiresPython: fc.constant(">=3"),
            index: fc.constant("https://index.example/simple"),
            needsBuild: fc.string({ unit: "binary" }).map((text) => text.toWellFormed()),
            allowedHashes: fc.uniqueArray(digest).map((list) => list.sort()),
            sdist: archive,
            directUrl: fc.constant({
              url: "https://files.example/x.whl",
              archive_info: { hashes: { sha256: "ab" } },
            }),
          },
          { requiredKeys: ["name", "version", "wheels"] },
        ),
      ),
    },
    { requiredKeys: ["distributions"] },
  ),
});

test("what is written is read back, and written again it is the same text", () => {
  fc.assert(
    fc.property(lock, (written) => {
      const text = writeCambiumLock(written, { urls: true });
      const read = readCambiumLock(text, "cambium.lock");
      expect(writeCambiumLock(read, { urls: true })).toBe(text);
      expect(read.python?.distributions).toHaveLength(written.python?.distributions.length ?? 0);
      for (const one of written.python?.distributions ?? []) {
        const sorted = { ...one, wheels: one.wheels.toSorted((a, b) => (a.filename < b.filename ? -1 : 1)) };
        expect(read.python?.distributions).toContainEqual(sorted);
      }
    }),
  );
});

test("packages of stages and what steps take from elsewhere stand beside the image's own", () => {
  const { version: _, ...packages } = example;
  const written: CambiumLock = {
    ...example,
    stages: { "with.dot": packages, build: { inputs: digestOf("build") } },
    sources: {
      images: [{ reference: "docker.io/library/a:1", targets: { amd64: digestOf("a") } }],
      http: [{ url: "https://files.example/x", digest: digestOf("x") }],
      git: [{ url: "https://git.example/r", commit: "0".repeat(40) }],
    },
  };
  const text = writeCambiumLock(written, { urls: true });
  expect(text).toMatch(/^\[stages\.build\]$/m);
  expect(text).toMatch(/^\[\[stages\."with\.dot"\.python\.distributions\]\]$/m);
  const read = readCambiumLock(text, "cambium.lock");
  expect(writeCambiumLock(read, { urls: true })).toBe(text);
  expect(Object.keys(read.stages ?? {})).toEqual(["build", "with.dot"]);
  const { version: __, ...alone } = readCambiumLock(writeCambiumLock(example, { urls: true }), "x");
  expect(read.stages?.["with.dot"]).toEqual(alone);
  expect(read.sources).toEqual(written.sources);
});

test("a mistake in a stage's part names its place", () => {
  const text = `version = 1\ninputs = "${digestOf("x")}"\n[stages.build]\ninputs = "none"\n`;
  expect(() => readCambiumLock(text, "cambium.lock")).toThrow(
    expect.objectContaining({ code: "LOCK_FIELD", message: expect.stringContaining("stages.build.inputs") }),
  );
});

const sources: NonNullable<CambiumLock["sources"]> = {
  http: [{ url: "https://example.org/a.txt", digest: digestOf("a") }],
  git: [
    { url: "https://example.org/b.git", commit: "c".repeat(40) },
    { url: "https://example.org/b.git", ref: "main", commit: "b".repeat(40), refName: "refs/heads/main" },
  ],
  images: [
    { reference: "docker.io/library/debian:12", targets: { amd64: digestOf("amd"), arm64: digestOf("arm") } },
  ],
};

test("sources stand beside whatever else is locked, and are read back", () => {
  const text = writeCambiumLock({ ...example, sources }, { urls: false });
  expect(text).toContain('ref = "main"\ncommit = "bbbb');
  expect(text).toContain('name = "refs/heads/main"\n');
  const read = readCambiumLock(text, "cambium.lock");
  expect(read.sources).toEqual(sources);
  expect(read.python?.distributions).toHaveLength(1);
  expect(writeCambiumLock(read, { urls: false })).toBe(text);
});

test.each([
  [
    "credentials",
    `[[http]]\nurl = "https://a:b@example.org/x"\ndigest = "${digestOf("x")}"`,
    "LOCK_CREDENTIALS",
  ],
  ["a short digest", '[[http]]\nurl = "https://example.org/x"\ndigest = "sha256:ab"', "LOCK_FIELD"],
  ["no commit", '[[git]]\nurl = "https://example.org/x"\ncommit = "main"', "LOCK_FIELD"],
])("sources with %s are refused", (_, lines, code) => {
  const text = `version = 1\ninputs = "${digestOf("x")}"\n${lines}\n`;
  expect(() => readCambiumLock(text, "cambium.lock")).toThrow(expect.objectContaining({ code }));
});

test("the order of what is locked leaves no trace", () => {
  fc.assert(
    fc.property(lock, (written) => {
      const python = { ...written.python, distributions: (written.python?.distributions ?? []).toReversed() };
      const names = python.distributions.map(({ name, version, marker }) => `${name} ${version} ${marker}`);
      fc.pre(new Set(names).size === names.length);
      expect(writeCambiumLock({ ...written, python }, { urls: true })).toBe(
        writeCambiumLock(written, { urls: true }),
      );
    }),
  );
});

test("a path of this machine is never written", () => {
  const wheels = [
    { filename: "a-1-py3-none-any.whl", sha256: digestOf("a"), path: "/home/someone/a-1-py3-none-any.whl" },
  ];
  const python = { distributions: [{ name: "a" as NormalizedName, version: "1", wheels }] };
  expect(writeCambiumLock({ ...example, python }, { urls: true })).not.toContain("someone");
});

test.each([
  { index: "https://user:secret@index.example/simple" },
  {
    wheels: [
      { filename: "a-1-py3-none-any.whl", sha256: digestOf("a"), url: "https://secret@files.example/a.whl" },
    ],
  },
  { directUrl: { url: "git+https://user:secret@git.example/a" } },
])("credentials are not written: %j", (part) => {
  const python = { distributions: [{ name: "a" as NormalizedName, version: "1", wheels: [], ...part }] };
  for (const urls of [true, false]) {
    expect(() => writeCambiumLock({ ...example, python }, { urls })).toThrow(
      expect.objectContaining({ code: "LOCK_CREDENTIALS", message: expect.not.stringContaining("secret") }),
    );
  }
});

const TEXT = writeCambiumLock(example, { urls: true });

test.each([
  [() => "", "LOCK_VERSION", "version missing"],
  [(text: string) => text.replace("version = 1", "version = 2"), "LOCK_VERSION", "version 2"],
  [(text: string) => `<<<<<<< HEAD\n${text}`, "LOCK_SYNTAX", "cambium.lock:1:"],
  [(text: string) => text.replace("inputs =", "input ="), "LOCK_FIELD", "inputs"],
  [
    (text: string) => text.replace('"sha256:', '"sha257:'),
    "LOCK_FIELD",
    "cambium.lock:3: inputs: not a digest",
  ],
  [
    (text: string) => text.replace("size = 2758000", 'size = "many"'),
    "LOCK_FIELD",
    "cambium.lock:11: debian.targets.amd64.packages[0].size",
  ],
  [(text: string) => text.replace("pool/main", "pool/../../main"), "LOCK_FIELD", "not a path below pool/"],
  [(text: string) => text.replace('"pool/', '"/pool/'), "LOCK_FIELD", "not a path below pool/"],
  [(text: string) => text.replace('suite = "bookworm"', 'suite = "sid"'), "LOCK_FIELD", "debian.suite"],
  [(text: string) => text.replace("idna-3.6-py3", "../idna-3.6-py3"), "LOCK_FIELD", "not a file name"],
  [(text: string) => text.replace("https://files", "https://user:secret@files"), "LOCK_CREDENTIALS", "idna"],
  [
    (text: string) => text.replace("https://files", "file://files"),
    "LOCK_FIELD",
    "distributions[0].wheels[0].url",
  ],
  [(text: string) => `${text}\nextra-key = 1\n`, "LOCK_FIELD", "extra-key"],
  [(text: string) => text.replace(">= '3.12'", ">> '3.12'"), "MARKER_SYNTAX", "cambium.lock: idna"],
])("what is wrong is named with its place: %#", (damage, code, message) => {
  expect(() => readCambiumLock(damage(TEXT), "cambium.lock")).toThrow(
    expect.objectContaining({ code, exitCode: 2, message: expect.stringContaining(message) }),
  );
});
