import { afterAll, beforeAll, expect, test } from "vitest";
import type { LockedDeb } from "../../src/ecosystems/debian/lock.ts";
import { resolveMirrors } from "../../src/ecosystems/debian/mirror.ts";
import { createHttpClient } from "../../src/fetch/client.ts";
import { baseStore, baseYaml } from "../support/base-store.ts";
import { clockShift } from "../support/clock.ts";
import { arOf, debOf } from "../support/deb.ts";
import { type Behaviour, startFaultyServer } from "../support/faulty-server.ts";
import { digestIn, requirementsFiles, sha256Of, type Workplace, workplace } from "../support/project.ts";
import { expectFailure, type Reference, startReference } from "../support/reference.ts";
import { illnessesOf } from "../support/store-health.ts";
import "../support/in-memory.ts";

const nobody = "http://127.0.0.1:9";
const POCKETS = [
  ["debian", "trixie"],
  ["debian", "trixie-updates"],
  ["debian-security", "trixie-security"],
] as const;

let reference: Reference;
/** Today's signed indices of the real archive, by path of a mirror. */
const signed = new Map<string, Buffer>();

beforeAll(async () => {
  reference = await startReference();
  const mirrors = resolveMirrors({});
  const client = createHttpClient({ env: process.env }, () => undefined);
  for (const [archive, suite] of POCKETS) {
    for (const root of mirrors[archive]) {
      const url = `${root}/dists/${suite}/InRelease`;
      const { status, bytes } = await client.document(url, {
        name: "InRelease",
        maxBytes: 4 << 20,
        allow404: true,
      });
      if (status !== 200 || !Buffer.from(bytes).includes("Origin: Debian")) continue;
      signed.set(`/${archive}/dists/${suite}/InRelease`, Buffer.from(bytes));
      break;
    }
  }
  await client.close();
  expect(signed.size).toBe(POCKETS.length);
});
afterAll(async () => {
  await reference[Symbol.asyncDispose]();
});

/** A project whose base is not locked. */
async function unlocked(place: Workplace): Promise<string> {
  const { "cambium.lock": _, ...files } = await requirementsFiles("");
  return place.project("app", { ...files, "requirements.txt": "" });
}

async function buildWith(
  releases: ReadonlyMap<string, Buffer>,
  env: Record<string, string> = {},
): Promise<Awaited<ReturnType<Workplace["build"]>>> {
  using place = await workplace();
  await using server = await startFaultyServer();
  for (const [path, bytes] of releases) server.serve(path, bytes);
  const ran = await place.build(await unlocked(place), ["--debian-mirror", `${server.url}/debian`], { env });
  await reference.expectUnharmed(place);
  return ran;
}

test("an InRelease that has expired: named with both dates", async () => {
  const ran = await buildWith(signed, clockShift(60 * 86_400));
  expectFailure(ran, {
    exitCode: 3,
    code: "RELEASE_EXPIRED",
    quotes: ["/InRelease: valid until 2"],
    hint: /^hint: The mirror is stale or replays an old index: .*--debian-mirror/m,
  });
});

test("an InRelease whose text was changed after signing: refused with its address", async () => {
  const altered = new Map(signed);
  const path = "/debian/dists/trixie/InRelease";
  altered.set(path, Buffer.from((signed.get(path)?.toString() ?? "").replace(/^Suite: .*$/m, "Suite: mine")));
  expectFailure(await buildWith(altered), {
    exitCode: 1,
    code: "RELEASE_SIGNATURE",
    quotes: [path, "no good signature of a known key of Debian"],
    hint: /^hint: Someone changed the index/m,
  });
});

test("an InRelease without its signature: refused", async () => {
  const bare = new Map(
    [...signed].map(([path, bytes]) => [
      path,
      Buffer.from(bytes.toString().replace(/^-----BEGIN PGP SIGNATURE-----[\s\S]*$/m, "")),
    ]),
  );
  expectFailure(await buildWith(bare), {
    exitCode: 1,
    code: "RELEASE_SIGNATURE",
    quotes: ["/InRelease"],
    hint: /^hint: Someone changed the index/m,
  });
});

test("another suite's InRelease, rightly signed: refused with both names", async () => {
  const swapped = new Map(signed);
  swapped.set(
    "/debian/dists/trixie/InRelease",
    signed.get("/debian/dists/trixie-updates/InRelease") as Buffer,
  );
  expectFailure(await buildWith(swapped), {
    exitCode: 1,
    code: "RELEASE_ORIGIN",
    quotes: ["Codename trixie,", '"trixie-updates"'],
    hint: /^hint: Name a mirror of Debian/m,
  });
});

test("an index with other bytes than the InRelease says: refused with both digests", async () => {
  using place = await workplace();
  await using server = await startFaultyServer();
  for (const [path, bytes] of signed) server.serve(path, bytes);
  for (const [archive, suite] of POCKETS) {
    const release = signed.get(`/${archive}/dists/${suite}/InRelease`)?.toString() ?? "";
    const hash = /^ ([0-9a-f]{64}) +\d+ main\/binary-amd64\/Packages\.xz$/m.exec(release)?.[1];
    server.always(`/${archive}/dists/${suite}/main/binary-amd64/by-hash/SHA256/${hash}`, { body: "not it" });
  }
  const args = ["--debian-mirror", `${server.url}/debian`, "--platform", "linux/amd64"];
  // Without the base's store, which has seen today's index.
  expectFailure(await place.build(await unlocked(place), args, { store: place.at("empty") }), {
    exitCode: 1,
    code: "DIGEST_INVALID",
    quotes: ["by-hash/SHA256/", "(6 bytes)", sha256Of("not it")],
    hint: /^hint: The mirror is being updated or broken: .*--debian-mirror/m,
  });
  expect(illnessesOf(place.at("empty"))).toEqual([]);
});

test.for([
  {
    name: "that nobody serves",
    mirror: `${nobody}/debian`,
    failure: {
      exitCode: 3,
      code: "FETCH_UNREACHABLE",
      quotes: [`${nobody}/debian/dists/trixie`],
      hint: /^hint: Check the network/m,
    },
  },
  {
    name: "that is no URL",
    mirror: "mirror.example",
    failure: { exitCode: 2, code: "URL_SYNTAX", quotes: ["--debian-mirror"], hint: /^hint: \S/m },
  },
])("a mirror $name: named, with the way out", async ({ mirror, failure }) => {
  using place = await workplace();
  expectFailure(await place.build(await unlocked(place), ["--debian-mirror", mirror]), failure);
  await reference.expectUnharmed(place);
});

test("a mirror without Debian: named, with the way out", async () => {
  expectFailure(await buildWith(new Map()), {
    exitCode: 3,
    code: "MIRROR_UNKNOWN",
    quotes: ["none of these has dists/trixie"],
    hint: /^hint: Name one: --debian-mirror URL/m,
  });
});

const sample = debOf([{ name: "./usr/share/sample/data.txt", content: "a line\n".repeat(9000) }]);

/** A project that wants one more package, which its lock pins to these bytes on a mirror of the test's. */
async function projectWithDeb(place: Workplace, deb: Buffer): Promise<string> {
  const lock: LockedDeb & { architecture: string } = {
    name: "sample",
    version: "1.0-1",
    architecture: "all",
    archive: "debian",
    path: "pool/main/s/sample/sample_1.0-1_all.deb",
    sizeBytes: deb.length,
    sha256: `sha256:${sha256Of(deb)}` as LockedDeb["sha256"],
  };
  const line = `  { name = "${lock.name}", version = "${lock.version}", architecture = "all", archive = "debian", path = "${lock.path}", size = ${lock.sizeBytes}, sha256 = "${sha256Of(deb)}" },`;
  const text = (await baseStore()).lock
    .replace("packages = []", 'packages = ["sample"]')
    // In order of names, as the lock is written.
    .replace(/^ {2}\{ name = "(tzdata|zlib1g)"/m, (match) => `${line}\n${match}`);
  return place.project("app", {
    "cambium.yaml": `${baseYaml}apt: [sample]\n`,
    "cambium.lock": text,
  });
}

async function buildDeb(deb: Buffer, served: Buffer, behaviours: readonly Behaviour[] = []) {
  using place = await workplace();
  await using server = await startFaultyServer();
  const path = "/debian/pool/main/s/sample/sample_1.0-1_all.deb";
  server.serve(path, served, ...behaviours);
  const project = await projectWithDeb(place, deb);
  const ran = await place.build(project, ["--debian-mirror", `${server.url}/debian`]);
  await reference.expectUnharmed(place);
  return { ran, requests: server.requests(path) };
}

test("a .deb that is cut goes on where it ended", async () => {
  const half = Math.floor(sample.length / 2);
  const { ran, requests } = await buildDeb(sample, sample, [{ cutAfter: half }]);
  digestIn(ran);
  expect(requests.map(({ headers }) => headers.range)).toEqual([undefined, `bytes=${half}-`]);
});

test("a .deb with 429 and Retry-After is asked for again", async () => {
  const busy = { status: 429, headers: { "retry-after": "1" } };
  const { ran, requests } = await buildDeb(sample, sample, [busy]);
  digestIn(ran);
  expect(requests).toHaveLength(2);
});

const flipped = Buffer.from(sample);
flipped[sample.length - 9]! ^= 1;

test.for([
  {
    name: "that arrives short",
    served: sample.subarray(0, 100),
    failure: { code: "SIZE_INVALID", quotes: ["sample", `got 100 of ${sample.length} bytes`] },
  },
  {
    name: "with a bit turned over",
    served: flipped,
    failure: { code: "DIGEST_INVALID", quotes: ["sample", sha256Of(sample), sha256Of(flipped)] },
  },
])("a .deb $name is refused, with the way out", async ({ served, failure }) => {
  const { ran } = await buildDeb(sample, served);
  expectFailure(ran, {
    exitCode: 1,
    ...failure,
    hint: /^hint: The file there is another than the lock names/m,
  });
});

test("a .deb that the mirror has no more: named", async () => {
  const { ran } = await buildDeb(sample, sample, [{ status: 404 }, { status: 404 }, { status: 404 }]);
  expectFailure(ran, {
    exitCode: 1,
    code: "FETCH_NOT_FOUND",
    quotes: ["sample"],
    hint: /^hint: Check the address or the version/m,
  });
});

/** Bytes that are what their lock says, and still no package that may become a layer. */
const broken: readonly {
  readonly name: string;
  readonly deb: Buffer;
  readonly code: RegExp;
  readonly quotes: string;
}[] = [
  {
    name: "that ends half way",
    deb: sample.subarray(0, Math.floor(sample.length / 2)),
    code: /ARCHIVE_TRUNCATED|DEB_INVALID/,
    quotes: "sample",
  },
  { name: "that is no ar archive", deb: Buffer.from("<html></html>"), code: /DEB_INVALID/, quotes: "sample" },
  {
    name: "with damaged xz",
    deb: Buffer.concat([sample.subarray(0, -60), Buffer.alloc(60, 0x5a)]),
    code: /./,
    quotes: "sample",
  },
  {
    name: "without its data",
    deb: arOf([["debian-binary", Buffer.from("2.0\n")]]),
    code: /DEB_INVALID|ARCHIVE_TRUNCATED/,
    quotes: "sample",
  },
  {
    name: "that climbs out with ..",
    deb: debOf([{ name: "./usr/../../etc/evil", content: "x" }]),
    code: /./,
    quotes: "etc/evil",
  },
  {
    name: "with a device",
    deb: debOf([{ name: "./dev/evil", type: "character" }]),
    code: /./,
    quotes: "dev/evil",
  },
];

test.for(broken)("a .deb $name is refused by name", async ({ deb, code, quotes }) => {
  const { ran } = await buildDeb(deb, deb);
  const found = /error\[([A-Z_]+)\]/.exec(ran.stderr)?.[1] ?? `none: ${ran.stderr}`;
  expect(found).toMatch(code);
  expectFailure(ran, { exitCode: 1, code: found, quotes: [quotes], hint: /^hint: \S/m });
});
