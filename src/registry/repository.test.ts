import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { all, givenRegistry, manifest, noise, sourceOf } from "../../tests/support/given-registry.ts";
import { type MemoryRegistry, startMemoryRegistry } from "../../tests/support/memory-registry.ts";
import { digestOf } from "../layer/digest.ts";
import { NO_REGISTRY_SETTINGS, parseMirrors } from "./settings.ts";

const given = givenRegistry();
const { accessWith, repository } = given;

describe("a mirror", () => {
  const bytes = noise(50_000);
  const want = { digest: digestOf(bytes), size: bytes.length };
  let mirror: MemoryRegistry;

  beforeEach(async () => {
    mirror = await startMemoryRegistry();
    await repository().putManifest(manifest, "1");
    given.registry.blobs.set(`app@${want.digest}`, bytes);
    given.registry.log.length = 0;
  });
  afterEach(() => mirror[Symbol.asyncDispose]());

  const mirrored = () => {
    const settings = {
      ...NO_REGISTRY_SETTINGS,
      mirrors: parseMirrors(`${given.registry.address}=${mirror.address}/cache`, "test"),
    };
    return repository("app", accessWith({ settings, retries: 1 }));
  };

  test("that has it spares the registry", async () => {
    mirror.manifests.set(
      `cache/app@${manifest.descriptor.digest}`,
      given.registry.manifests.get(`app@${manifest.descriptor.digest}`)!,
    );
    mirror.tags.set("cache/app:1", manifest.descriptor.digest);
    mirror.blobs.set(`cache/app@${want.digest}`, bytes);
    expect(await mirrored().manifest("1")).toBeDefined();
    expect((await all(mirrored().blob(want))).length).toBe(50_000);
    expect(given.registry.log).toEqual([]);
  });

  test("that lacks it or fails is passed over", async () => {
    expect(await mirrored().manifest("1")).toBeDefined();
    expect(given.events).toEqual([]);
    mirror.hook = (_, response) => {
      response.writeHead(500).end();
      return true;
    };
    expect(await mirrored().manifest("1")).toBeDefined();
    expect((await all(mirrored().blob(want))).length).toBe(50_000);
    expect(given.events).toContainEqual(
      expect.objectContaining({ type: "warning", code: "REGISTRY_MIRROR_FAILED" }),
    );
  });

  test("that breaks off is continued by the registry", async () => {
    mirror.hook = (request, response) => {
      response.writeHead(200, { "content-length": bytes.length });
      response.write(bytes.subarray(0, 20_000), () => setTimeout(() => request.socket.resetAndDestroy(), 30));
      return true;
    };
    expect((await all(mirrored().blob(want))).equals(bytes)).toBe(true);
    expect(given.registry.log.at(-1)?.headers.range).toBe("bytes=20000-");
  });

  test("is never written to", async () => {
    await mirrored().uploadBlob(sourceOf(noise(10)));
    await mirrored().putManifest(manifest, "2");
    expect(mirror.log).toEqual([]);
  });
});
