import { describe, expect, test } from "vitest";
import { givenRegistry, manifest } from "../../tests/support/given-registry.ts";
import { INDEX_MEDIA_TYPE, MANIFEST_MEDIA_TYPE } from "../image/media-types.ts";
import { parseReference } from "../image/reference.ts";
import { digestOf } from "../layer/digest.ts";
import { openRepository } from "./repository.ts";

const given = givenRegistry();
const { accessWith, repository } = given;

describe("a manifest", () => {
  test("comes with the digest of its bytes; what is not there is undefined", async () => {
    await repository().putManifest(manifest, "1");
    expect(await repository().manifest("1")).toEqual({
      bytes: Buffer.from(manifest.bytes),
      descriptor: manifest.descriptor,
    });
    expect(await repository().manifest(manifest.descriptor.digest)).toBeDefined();
    expect(await repository().manifest("2")).toBeUndefined();
    expect(await repository().manifestDigest("1")).toBe(manifest.descriptor.digest);
  });

  const text = Buffer.from(manifest.bytes).toString("utf8");
  test.for([
    { name: "that is not JSON", body: "<html>", code: "MANIFEST_INVALID" },
    { name: "that is no object", body: "[]", code: "MANIFEST_INVALID" },
    { name: "that is an index too", body: text.replace("{", '{"manifests":[],'), code: "MANIFEST_INVALID" },
    { name: "served as something else", body: text, type: INDEX_MEDIA_TYPE, code: "MEDIA_TYPE_INVALID" },
    { name: "without what its type has", body: '{"schemaVersion":2}', code: "MANIFEST_INVALID" },
    { name: "of another kind", body: "{}", type: "application/vnd.example+json", code: "MEDIA_TYPE_UNKNOWN" },
    {
      name: "in Docker's first format",
      body: '{"schemaVersion":1}',
      type: "application/vnd.docker.distribution.manifest.v1+prettyjws",
      code: "MEDIA_TYPE_UNKNOWN",
    },
    { name: "of 10 MB", body: `{"x":"${"x".repeat(10_000_000)}"}`, code: "SIZE_INVALID" },
    { name: "with another digest", body: text, digest: digestOf("x"), code: "DIGEST_INVALID" },
  ])("$name is refused", async ({ body, type = MANIFEST_MEDIA_TYPE, code, digest }) => {
    for (const length of [{ "content-length": Buffer.byteLength(body) }, {}]) {
      given.registry.hook = (_, response) => {
        response.writeHead(200, {
          "content-type": type,
          ...length,
          ...(digest && { "docker-content-digest": digest }),
        });
        response.end(body);
        return true;
      };
      await expect(repository("app", accessWith({ retries: 0 })).manifest("1")).rejects.toMatchObject({
        code,
      });
    }
  });

  test("damaged on the way is read again", async () => {
    await repository().putManifest(manifest, "1");
    let calls = 0;
    given.registry.hook = (_, response) => {
      if (++calls > 1) return false;
      response.writeHead(200, { "content-type": MANIFEST_MEDIA_TYPE }).end("{");
      return true;
    };
    expect(await repository().manifest(manifest.descriptor.digest)).toBeDefined();
  });

  test("that the registry is too busy for is asked for when it said", async () => {
    await repository().putManifest(manifest, "1");
    let calls = 0;
    given.registry.hook = (_, response) => {
      if (++calls > 1) return false;
      response.writeHead(429, { "retry-after": "1" }).end();
      return true;
    };
    expect(await repository().manifest("1")).toBeDefined();
    expect(given.events).toMatchObject([{ type: "download-retry", reason: "HTTP 429", waitMs: 1000 }]);
  });

  test("that the registry changed is an error", async () => {
    given.registry.hook = (request, response) => {
      if (request.method !== "PUT") return false;
      response.writeHead(201, { "docker-content-digest": digestOf("x") }).end();
      return true;
    };
    await expect(repository().putManifest(manifest, "1")).rejects.toMatchObject({ code: "DIGEST_INVALID" });
  });

  test("is deleted by digest", async () => {
    const app = openRepository(
      parseReference(`${given.registry.address}/app`, "test"),
      accessWith(),
      "delete",
    );
    await repository().putManifest(manifest, "1");
    expect(await app.deleteManifest(manifest.descriptor.digest)).toBe(true);
    expect(await app.deleteManifest(manifest.descriptor.digest)).toBe(false);
  });
});
