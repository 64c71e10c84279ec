import { beforeAll, describe, expect, test } from "vitest";
import {
  documentsAt,
  packageStanza,
  type ReleaseFields,
  releaseText,
  type SigningKey,
  signingKey,
} from "../../../tests/support/debian-mirror.ts";
import { temporaryFolder } from "../../../tests/support/temporary-folder.ts";
import { openStore, type Store } from "../../store/store.ts";
import { putIndexBlob } from "./index-blob.ts";
import type { DebianTools, DocumentClient } from "./indices.ts";
import type { DebianLock } from "./lock.ts";
import { type ResolveDebianRequest, resolveDebian } from "./resolve.ts";
import { seedPackages } from "./seed.ts";

const now = new Date("2025-11-20T12:00:00Z");
const main = "http://mirror.example/debian";
const security = "http://mirror.example/debian-security";
const mirrors = { debian: [main], "debian-security": [security] };
let key: SigningKey;
beforeAll(async () => {
  key = await signingKey(new Date("2025-01-01T00:00:00Z"));
});

const seed = seedPackages("standard").map((name) => packageStanza({ Package: name }));
const indexes = {
  bookworm: [...seed, packageStanza({ Package: "libgomp1", Version: "12.2.0" })].join(""),
  "bookworm-updates": "",
  "bookworm-security": packageStanza({ Package: "bash", Version: "1.0+deb12u1" }),
};

/** With the test's key as the archives' one. */
function toolsOf(client: DocumentClient, store: Store): DebianTools {
  return {
    client,
    store,
    emit: () => undefined,
    putIndex: (packed, where) => putIndexBlob(packed, where, store.blobs),
    keysOf: () => [key.publicKey],
  };
}

/** A whole signed mirror; `change` may spoil a release before it is signed. */
async function mirrorDocuments(
  texts: Readonly<Record<string, string>> = indexes,
  change: (fields: ReleaseFields) => ReleaseFields = (fields) => fields,
): Promise<Map<string, Uint8Array | string>> {
  const documents = new Map<string, Uint8Array | string>();
  for (const [folder, index] of Object.entries(texts)) {
    const root = `${folder.endsWith("-security") ? security : main}/dists/${folder}`;
    const { text, packages } = releaseText(change({ codename: folder, index }));
    documents.set(`${root}/InRelease`, await key.sign(text));
    const hash = / ([0-9a-f]{64}) /.exec(text)?.[1];
    documents.set(`${root}/main/binary-amd64/by-hash/SHA256/${hash}`, packages);
  }
  return documents;
}

async function resolve(
  client: DocumentClient,
  request: {
    packages?: string[];
    previous?: DebianLock;
    upgrade?: boolean | string[];
    present?: ResolveDebianRequest["present"];
  } = {},
): Promise<DebianLock> {
  using folder = temporaryFolder();
  const store = openStore(folder.at("store"));
  try {
    return await resolveDebian(
      {
        suite: "bookworm",
        variant: "standard",
        packages: request.packages ?? [],
        architectures: ["amd64"],
        mirrors,
        now,
        previous: request.previous,
        upgrade: request.upgrade ?? false,
        ...(request.present !== undefined && { present: request.present }),
      },
      toolsOf(client, store),
    );
  } finally {
    store.close();
  }
}

describe("resolving", () => {
  test("pins the seed and what was asked for, with security's newer versions", async () => {
    const lock = await resolve(documentsAt(await mirrorDocuments()), { packages: ["libgomp1", "libgomp1"] });
    expect(lock).toMatchObject({ suite: "bookworm", variant: "standard", packages: ["libgomp1"] });
    const debs = lock.targets.amd64 ?? [];
    expect(debs.map(({ name }) => name)).toEqual([...seedPackages("standard"), "libgomp1"].sort());
    expect(debs.find(({ name }) => name === "bash")).toMatchObject({
      version: "1.0+deb12u1",
      archive: "debian-security",
    });
  });

  test("apt brings every essential package, and says that /usr is merged instead of merging it", async () => {
    const added = [
      { Package: "apt" },
      { Package: "perl-base", Essential: "yes" },
      { Package: "init-system-helpers", Essential: "yes", Depends: "usrmerge | usr-is-merged" },
      { Package: "usrmerge" },
      { Package: "usr-is-merged" },
      { Package: "front", Depends: "apt" },
    ];
    const texts = { ...indexes, bookworm: indexes.bookworm + added.map(packageStanza).join("") };
    const client = documentsAt(await mirrorDocuments(texts));
    const names = async (packages: string[]) =>
      (await resolve(client, { packages })).targets.amd64?.map(({ name }) => name);
    const base = [...seedPackages("standard"), "init-system-helpers", "perl-base", "usr-is-merged", "apt"];
    expect(await names(["apt"])).toEqual(base.sort());
    expect(await names(["front"])).toEqual([...base, "front"].sort());
    expect(await names(["libgomp1"])).toEqual([...seedPackages("standard"), "libgomp1"].sort());
  });

  test("with a lock that answers the request asks no server", async () => {
    const lock = await resolve(documentsAt(await mirrorDocuments()), { packages: ["libgomp1"] });
    const client = documentsAt(new Map());
    expect(await resolve(client, { packages: ["libgomp1"], previous: lock })).toBe(lock);
    expect(client.asked).toEqual([]);
  });

  test("one package more keeps the others' versions, an upgrade does not", async () => {
    const before = { ...indexes, "bookworm-security": "" };
    const previous = await resolve(documentsAt(await mirrorDocuments(before)));
    const documents = await mirrorDocuments();
    const bash = async (request: Parameters<typeof resolve>[1]) =>
      (await resolve(documentsAt(documents), request)).targets.amd64?.find(({ name }) => name === "bash")
        ?.version;
    expect(await bash({ packages: ["libgomp1"], previous })).toBe("1.0");
    expect(await bash({ packages: ["libgomp1"], previous, upgrade: ["bash"] })).toBe("1.0+deb12u1");
    expect(await bash({ previous, upgrade: true })).toBe("1.0+deb12u1");
    expect(await bash({ previous })).toBe("1.0");
  });

  test("onto a base takes what it lacks, without the seed, and asks again though an earlier lock would answer", async () => {
    const client = documentsAt(await mirrorDocuments());
    const installed = { name: "libc6", version: "2.36", architecture: "amd64", stanza: new Map() };
    const present = new Map([["amd64" as const, [installed]]]);
    const first = await resolve(client, { packages: ["libgomp1"], present });
    expect(first.targets.amd64?.map(({ name }) => name)).toEqual(["libgomp1"]);
    const asked = client.asked.length;
    const gomp = { ...installed, name: "libgomp1", version: "12.2.0" };
    const onto = new Map([["amd64" as const, [installed, gomp]]]);
    const second = await resolve(client, { packages: ["libgomp1"], present: onto, previous: first });
    expect(second.targets.amd64).toEqual([]);
    expect(client.asked.length).toBeGreaterThan(asked);
  });

  test("an index is fetched once, then found in the store by its digest", async () => {
    using folder = temporaryFolder();
    const store = openStore(folder.at("store"));
    const client = documentsAt(await mirrorDocuments());
    const tools = toolsOf(client, store);
    const request = {
      suite: "bookworm",
      variant: "standard",
      packages: [],
      architectures: ["amd64"],
    } as const;
    const first = await resolveDebian({ ...request, mirrors, now, upgrade: false }, tools);
    const fetched = client.asked.length;
    const second = await resolveDebian({ ...request, mirrors, now, upgrade: false }, tools);
    store.close();
    expect(second).toEqual(first);
    expect(client.asked.slice(fetched).every((url) => url.endsWith("/InRelease"))).toBe(true);
  });
});

describe("a mirror", () => {
  test("that serves another index than the signed one is refused with both digests", async () => {
    const documents = await mirrorDocuments();
    for (const url of documents.keys())
      if (url.includes("/dists/bookworm/main")) documents.set(url, "changed");
    await expect(resolve(documentsAt(documents))).rejects.toMatchObject({
      code: "DIGEST_INVALID",
      message: expect.stringMatching(/want sha256:[0-9a-f]{64} .* got sha256:[0-9a-f]{64}/),
    });
  });

  test("whose index is stale is refused", async () => {
    const documents = await mirrorDocuments(indexes, (fields) => ({
      ...fields,
      validUntil: "Sat, 01 Nov 2025 00:00:00 UTC",
    }));
    await expect(resolve(documentsAt(documents))).rejects.toMatchObject({ code: "RELEASE_EXPIRED" });
  });

  test("that signs with a key of its own is refused by the shipped keys", async () => {
    using folder = temporaryFolder();
    const store = openStore(folder.at("store"));
    const client = documentsAt(await mirrorDocuments());
    const request = {
      suite: "bookworm",
      variant: "standard",
      packages: [],
      architectures: ["amd64"],
    } as const;
    const { keysOf: _testKeys, ...tools } = toolsOf(client, store);
    const outcome = resolveDebian({ ...request, mirrors, now, upgrade: false }, tools);
    await expect(outcome).rejects.toMatchObject({ code: "RELEASE_SIGNATURE" });
    store.close();
  });

  test("without the suite is no mirror: the next is tried, at last MIRROR_UNKNOWN", async () => {
    const documents = await mirrorDocuments();
    const client = documentsAt(documents);
    const elsewhere = "http://other.example/apt";
    using folder = temporaryFolder();
    const store = openStore(folder.at("store"));
    const tools = toolsOf(client, store);
    const request = {
      suite: "bookworm",
      variant: "standard",
      packages: [],
      architectures: ["amd64"],
      now,
    } as const;
    const both = { debian: [elsewhere, main], "debian-security": [security] };
    await expect(resolveDebian({ ...request, mirrors: both, upgrade: false }, tools)).resolves.toBeDefined();
    const none = { debian: ["http://user:secret@other.example/apt"], "debian-security": [security] };
    const failure = await resolveDebian({ ...request, mirrors: none, upgrade: false }, tools).catch(
      (error: unknown) => error,
    );
    store.close();
    expect(failure).toMatchObject({
      code: "MIRROR_UNKNOWN",
      exitCode: 3,
      message: expect.stringContaining("other.example"),
    });
    expect(String(failure)).not.toContain("secret");
  });
});

test("a package that does not exist is named with its suite", async () => {
  const client = documentsAt(await mirrorDocuments());
  await expect(resolve(client, { packages: ["libgomp"] })).rejects.toMatchObject({
    code: "DEBIAN_PACKAGE_UNKNOWN",
    message: expect.stringContaining("debian bookworm amd64"),
    hint: expect.stringContaining("libgomp1"),
  });
  await expect(resolve(client, { packages: ["libc6:amd64"] })).rejects.toMatchObject({
    code: "DEBIAN_NAME_SYNTAX",
  });
});
