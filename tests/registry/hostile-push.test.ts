import { describe, expect, test } from "vitest";
import { validateImage } from "../../src/image/validate.ts";
import { pushImage } from "../../src/registry/push.ts";
import { openRemoteImage } from "../../src/registry/remote-image.ts";
import { startDockerRegistry } from "../support/docker-registry.ts";
import { needs } from "../support/needs.ts";
import {
  accessWith,
  any,
  type Case,
  digest,
  firstOf,
  isLargeUpload,
  isManifestPut,
  isTag,
  isUpload,
  type Refused,
  set,
  tagged,
} from "./hostile-cases.ts";
import { startHostileProxy } from "./proxy.ts";

describe.runIf(needs("docker-registry", "openssl"))("a proxy before the registry", () => {
  const passing: readonly Case[] = [
    {
      name: "resets an upload at its beginning",
      fault: firstOf(1, isLargeUpload, { kind: "reset-request", after: 1 }),
    },
    {
      name: "resets an upload in its middle",
      fault: firstOf(1, isLargeUpload, { kind: "reset-request", after: 1_500_000 }),
    },
    {
      name: "resets two uploads in their middle",
      fault: firstOf(2, isUpload, { kind: "reset-request", after: 700_000 }),
    },
    { name: "loses the answer to an upload", fault: firstOf(1, isLargeUpload, { kind: "lose-answer" }) },
    { name: "loses the answer to the tag", fault: firstOf(1, isTag, { kind: "lose-answer" }) },
    { name: "answers an upload with 500", fault: firstOf(2, isUpload, { kind: "answer", status: 500 }) },
    {
      name: "answers everything with 502 at first",
      fault: firstOf(3, any, { kind: "answer", status: 502, body: "<html>" }),
    },
    {
      name: "asks to wait",
      fault: firstOf(2, any, { kind: "answer", status: 429, headers: { "retry-after": "0" } }),
    },
    { name: "takes an upload and says nothing", fault: firstOf(1, isUpload, { kind: "silence" }) },
    { name: "turns a bit of an upload", fault: firstOf(1, isLargeUpload, { kind: "damage-request" }) },
    {
      name: "takes no large body",
      fault: (request) =>
        Number(request.headers["content-length"]) > 1_100_000 ? { kind: "answer", status: 413 } : undefined,
    },
  ];

  test.for(passing)("that $name delays a push, and the image is whole", async ({ name, fault }) => {
    // A registry of its own: nothing may be there already.
    await using fresh = await startDockerRegistry();
    await using proxy = await startHostileProxy(fresh.address);
    proxy.fault = fault;
    const result = await pushImage(set, tagged(proxy.address, "1"), accessWith());
    expect(result.digest, name).toBe(digest);
    expect(proxy.faults).toBeGreaterThan(0);
    const source = await openRemoteImage(tagged(fresh.address, "1"), accessWith());
    expect(source.root.digest).toBe(digest);
    expect((await validateImage(source)).problems).toEqual([]);
  });

  test("that cuts a chunk off has it sent again, and not those before it", async () => {
    await using fresh = await startDockerRegistry();
    await using proxy = await startHostileProxy(fresh.address);
    let chunks = 0;
    proxy.fault = (request) => {
      if (Number(request.headers["content-length"]) > 1_100_000) return { kind: "answer", status: 413 };
      return request.method === "PATCH" && ++chunks === 3 ? { kind: "reset-request", after: 0 } : undefined;
    };
    await pushImage(set, tagged(proxy.address, "1"), accessWith());
    const starts = proxy.log.flatMap(({ headers }) => headers["content-range"]?.split("-")[0] ?? []);
    expect(starts).toEqual(["0", "1048576", "2097152", "2097152"]);
  });

  const refused: readonly Refused[] = [
    {
      name: "resets every upload",
      fault: (r) => (isLargeUpload(r) ? { kind: "reset-request", after: 10 } : undefined),
      code: /^REGISTRY_INTERRUPTED$/,
    },
    { name: "fails always", fault: () => ({ kind: "answer", status: 503 }), code: /^REGISTRY_ANSWER$/ },
    {
      name: "has enough of us",
      fault: () => ({ kind: "answer", status: 429, headers: { "retry-after": "0" } }),
      code: /^TOOMANYREQUESTS$/,
    },
    {
      name: "never says anything",
      fault: (r) => (isUpload(r) ? { kind: "silence" } : undefined),
      code: /^REGISTRY_INTERRUPTED$/,
    },
    {
      name: "turns a bit of every upload",
      fault: (r) => (isUpload(r) ? { kind: "damage-request" } : undefined),
      code: /^DIGEST_INVALID$/,
    },
    {
      name: "turns a bit of every manifest",
      fault: (r) => (isManifestPut(r) ? { kind: "damage-request" } : undefined),
      code: /^(DIGEST|MANIFEST)_(INVALID|UNKNOWN|BLOB_UNKNOWN)$/,
    },
    {
      name: "is out of quota",
      fault: (r) =>
        isLargeUpload(r)
          ? { kind: "answer", status: 403, body: '{"errors":[{"code":"DENIED","message":"quota exceeded"}]}' }
          : undefined,
      code: /^DENIED$/,
    },
    {
      name: "refuses the tag",
      fault: (r) => (isTag(r) ? { kind: "answer", status: 403 } : undefined),
      code: /^DENIED$/,
    },
    {
      name: "sends uploads elsewhere",
      fault: (r) =>
        isUpload(r)
          ? { kind: "answer", status: 307, headers: { location: "http://mallory.invalid/" } }
          : undefined,
      code: /^REGISTRY_ANSWER$/,
    },
  ];

  test.for(refused)("that $name ends a push with its error and no tag", async ({ fault, code }) => {
    await using fresh = await startDockerRegistry();
    await using proxy = await startHostileProxy(fresh.address);
    proxy.fault = fault;
    await expect(
      pushImage(set, tagged(proxy.address, "1"), accessWith({ retries: 2 })),
    ).rejects.toMatchObject({
      code: expect.stringMatching(code),
      message: expect.stringContaining(proxy.address),
    });
    await expect(openRemoteImage(tagged(fresh.address, "1"), accessWith())).rejects.toMatchObject({
      code: "MANIFEST_UNKNOWN",
    });
  });

  test("a registry that only reads says so, and has no new tag", async () => {
    await using readOnly = await startDockerRegistry({ isReadOnly: true });
    await expect(pushImage(set, tagged(readOnly.address, "1"), accessWith())).rejects.toMatchObject({
      code: "UNSUPPORTED",
      hint: expect.stringContaining("read-only"),
    });
    await expect(openRemoteImage(tagged(readOnly.address, "1"), accessWith())).rejects.toMatchObject({
      code: "MANIFEST_UNKNOWN",
    });
  });
});
