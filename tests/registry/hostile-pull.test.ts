import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { rootOf } from "../../src/image/image.ts";
import { loadImage } from "../../src/image/load.ts";
import { blobOf } from "../../src/image/manifest.ts";
import { INDEX_MEDIA_TYPE } from "../../src/image/media-types.ts";
import { validateImage } from "../../src/image/validate.ts";
import { pushImage } from "../../src/registry/push.ts";
import { openRemoteImage } from "../../src/registry/remote-image.ts";
import { startDockerRegistry, type TestRegistry } from "../support/docker-registry.ts";
import { AMD64 } from "../support/images.ts";
import { needs } from "../support/needs.ts";
import {
  accessWith,
  type Case,
  firstOf,
  isLargeGet,
  isManifestGet,
  type Refused,
  set,
  tagged,
} from "./hostile-cases.ts";
import { startHostileProxy } from "./proxy.ts";

describe.runIf(needs("docker-registry", "openssl"))("a proxy before the registry", () => {
  let registry: TestRegistry;
  beforeAll(async () => {
    registry = await startDockerRegistry();
    await pushImage(set, tagged(registry.address, "good"), accessWith());
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  const readable: readonly Case[] = [
    {
      name: "resets a layer in its middle",
      fault: firstOf(2, isLargeGet, { kind: "reset-answer", after: 1_000_000 }),
    },
    { name: "resets a manifest", fault: firstOf(2, isManifestGet, { kind: "reset-answer", after: 20 }) },
    { name: "answers 503 at first", fault: firstOf(2, isLargeGet, { kind: "answer", status: 503 }) },
    {
      name: "asks to wait",
      fault: firstOf(2, isManifestGet, { kind: "answer", status: 429, headers: { "retry-after": "0" } }),
    },
    { name: "says nothing at first", fault: firstOf(1, isLargeGet, { kind: "silence" }) },
    {
      name: "drips a layer at first",
      fault: firstOf(1, isLargeGet, { kind: "drip", bytes: 1, pauseMs: 20 }),
    },
    { name: "turns a bit of a manifest once", fault: firstOf(1, isManifestGet, { kind: "damage-answer" }) },
  ];

  test.for(readable)("that $name delays a pull, and every byte is right", async ({ fault }) => {
    await using proxy = await startHostileProxy(registry.address);
    proxy.fault = fault;
    const source = await openRemoteImage(tagged(proxy.address, "good"), accessWith());
    expect((await validateImage(source)).problems).toEqual([]);
    expect(proxy.faults).toBeGreaterThan(0);
  });

  const index = Buffer.from(rootOf(set).bytes).toString("utf8");
  const config = set.images[0]!.config.descriptor;
  const lying: readonly Refused[] = [
    {
      name: "turns a bit of a layer",
      fault: (r) => (isLargeGet(r) ? { kind: "damage-answer" } : undefined),
      code: /^DIGEST_INVALID$/,
    },
    {
      name: "cuts a layer short",
      fault: (r) => (isLargeGet(r) ? { kind: "truncate", after: 1000, isDeclared: false } : undefined),
      code: /^SIZE_INVALID$/,
    },
    {
      name: "declares a layer too short",
      fault: (r) => (isLargeGet(r) ? { kind: "truncate", after: 1000, isDeclared: true } : undefined),
      code: /^SIZE_INVALID$/,
    },
    {
      name: "turns a bit of each manifest",
      fault: (r) => (isManifestGet(r) ? { kind: "damage-answer" } : undefined),
      code: /^DIGEST_INVALID$/,
    },
    {
      name: "has a manifest of 10 MB",
      fault: (r) =>
        isManifestGet(r)
          ? {
              kind: "answer",
              status: 200,
              headers: { "content-type": INDEX_MEDIA_TYPE },
              body: Buffer.alloc(10_000_000, " "),
            }
          : undefined,
      code: /^SIZE_INVALID$/,
    },
    {
      name: "has a manifest that says it is larger than it is",
      fault: (r) =>
        isManifestGet(r) ? { kind: "headers", headers: { "content-length": "5000000" } } : undefined,
      code: /^SIZE_INVALID$/,
    },
    {
      name: "gives a manifest another type",
      fault: (r) =>
        isManifestGet(r)
          ? { kind: "headers", headers: { "content-type": "application/vnd.example.thing+json" } }
          : undefined,
      code: /^MEDIA_TYPE_(INVALID|UNKNOWN)$/,
    },
    {
      name: "leads every manifest to the same index",
      fault: (r) =>
        isManifestGet(r)
          ? { kind: "answer", status: 200, headers: { "content-type": INDEX_MEDIA_TYPE }, body: index }
          : undefined,
      code: /^DIGEST_INVALID$/,
    },
    {
      name: "leads the config to a page",
      fault: (r) =>
        r.url.includes(config.digest)
          ? { kind: "answer", status: 200, body: "<html>log in</html>" }
          : undefined,
      code: /^SIZE_INVALID$/,
    },
    {
      name: "leads to a file",
      fault: (r) =>
        isLargeGet(r)
          ? { kind: "answer", status: 302, headers: { location: "file:///etc/passwd" } }
          : undefined,
      code: /^FETCH_REDIRECT$/,
    },
  ];

  test.for(lying)("that $name gives an error and no image", async ({ fault, code }) => {
    await using proxy = await startHostileProxy(registry.address);
    proxy.fault = fault;
    const read = async () => {
      const image = await loadImage(
        await openRemoteImage(tagged(proxy.address, "good"), accessWith({ retries: 1 })),
        AMD64,
      );
      for (const layer of image.layers) for await (const _ of layer.compressed());
    };
    await expect(read()).rejects.toMatchObject({ code: expect.stringMatching(code) });
  });

  test("indexes in one another end somewhere", async () => {
    let inner = rootOf(set);
    const chain = Array.from({ length: 6 }, () => {
      const row = { ...inner.descriptor, platform: AMD64 };
      inner = blobOf(
        Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: INDEX_MEDIA_TYPE, manifests: [row] })),
        INDEX_MEDIA_TYPE,
      );
      return inner;
    });
    const byDigest = new Map(chain.map((blob) => [blob.descriptor.digest as string, blob]));
    await using proxy = await startHostileProxy(registry.address);
    proxy.fault = ({ url }) => {
      const wanted = url.split("/").at(-1) ?? "";
      const blob = wanted === "deep" ? inner : byDigest.get(wanted);
      if (blob === undefined) return undefined;
      return { kind: "answer", status: 200, headers: { "content-type": INDEX_MEDIA_TYPE }, body: blob.bytes };
    };
    const source = await openRemoteImage(tagged(proxy.address, "deep"), accessWith());
    await expect(loadImage(source, AMD64)).rejects.toMatchObject({
      code: "MANIFEST_INVALID",
      message: expect.stringContaining("indexes"),
    });
  });
});
