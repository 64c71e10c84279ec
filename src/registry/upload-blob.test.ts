import { describe, expect, test } from "vitest";
import { givenRegistry, noise, sourceOf } from "../../tests/support/given-registry.ts";
import { refuse, startMemoryRegistry } from "../../tests/support/memory-registry.ts";
import { digestOf } from "../layer/digest.ts";

const given = givenRegistry();
const { accessWith, repository } = given;

const requests = () =>
  given.registry.log.map(
    ({ method, url }) => `${method} ${url.replace(/\?.*/, "").replace(/sha256:\w+/, "…")}`,
  );

describe("an upload", () => {
  test("is one body where that goes, and nothing when it is there", async () => {
    const blob = sourceOf(noise(5000));
    const app = repository();
    expect(await app.uploadBlob(blob)).toBe("sent");
    expect(requests()).toEqual([
      "HEAD /v2/app/blobs/…",
      "POST /v2/app/blobs/uploads/",
      "PUT /v2/app/blobs/uploads/s1",
    ]);
    expect(given.registry.blobs.get(`app@${blob.descriptor.digest}`)?.length).toBe(5000);
    expect(await app.uploadBlob(blob)).toBe("present");
    expect(blob.opened).toBe(1);
  });

  test("of no bytes at all", async () => {
    const blob = sourceOf(Buffer.alloc(0));
    expect(await repository().uploadBlob(blob)).toBe("sent");
    expect(given.registry.blobs.get(`app@${blob.descriptor.digest}`)?.length).toBe(0);
  });

  test("that breaks off goes on where the registry has it, in chunks", async () => {
    const blob = sourceOf(noise(100_000));
    given.registry.cutUploadAt = 40_000;
    expect(await repository("app", accessWith({ chunkBytes: 30_000 })).uploadBlob(blob)).toBe("sent");
    expect(given.registry.blobs.get(`app@${blob.descriptor.digest}`)?.length).toBe(100_000);
    const ranges = given.registry.log.flatMap(({ headers }) => headers["content-range"] ?? []);
    expect(ranges).toEqual(["40000-69999", "70000-99999"]);
    expect(given.events.filter(({ type }) => type === "upload-retry")).toHaveLength(1);
  });

  test("whose session is forgotten begins anew", async () => {
    const blob = sourceOf(noise(5000));
    let puts = 0;
    given.registry.hook = (request, response) => {
      if (request.method !== "PUT" || ++puts > 1) return false;
      refuse(response, 404, "BLOB_UPLOAD_UNKNOWN");
      return true;
    };
    given.registry.log.length = 0;
    expect(await repository().uploadBlob(blob)).toBe("sent");
    expect(puts).toBe(2);
  });

  test("that is too large for a proxy is sent in chunks, no smaller than the registry wants", async () => {
    given.registry.minChunkBytes = 3_000_000;
    given.registry.hook = (request, response) => {
      if (Number(request.headers["content-length"] ?? 0) <= 3_500_000) return false;
      response.writeHead(413).end("<html>too large</html>");
      return true;
    };
    const blob = sourceOf(noise(10_000_000), 100_000);
    expect(await repository().uploadBlob(blob)).toBe("sent");
    const sizes = given.registry.log
      .filter(({ method }) => method === "PATCH")
      .map(({ headers }) => headers["content-length"]);
    expect(sizes).toEqual(["3000000", "3000000", "3000000", "1000000"]);
  });

  test("whose answer was lost is found to be there", async () => {
    const blob = sourceOf(noise(5000));
    given.registry.hook = async (request) => {
      if (request.method === "PUT") {
        given.registry.blobs.set(`app@${blob.descriptor.digest}`, noise(5000));
        request.socket.resetAndDestroy();
        return true;
      }
      return false;
    };
    expect(await repository().uploadBlob(blob)).toBe("sent");
    expect(blob.opened).toBe(1);
  });

  test("with other bytes than its digest's never reaches its end", async () => {
    const blob = {
      ...sourceOf(noise(5000)),
      descriptor: { mediaType: "x", digest: digestOf("other"), size: 5000 },
    };
    await expect(repository().uploadBlob(blob)).rejects.toMatchObject({ code: "DIGEST_INVALID" });
    expect(given.registry.blobs.size).toBe(0);
  });

  test("whose source fails says why, and is not tried again", async () => {
    const cause = new Error("the disk is gone");
    async function* bytes(): AsyncGenerator<Uint8Array> {
      yield noise(100);
      throw cause;
    }
    const { descriptor } = sourceOf(noise(5000));
    await expect(repository().uploadBlob({ descriptor, bytes })).rejects.toBe(cause);
    expect(given.registry.log.filter(({ method }) => method === "PUT").length).toBeLessThanOrEqual(1);
  });

  test("at the same time as another of the same blob is made once", async () => {
    const blob = sourceOf(noise(500_000));
    const access = accessWith();
    const outcomes = await Promise.all([1, 2, 3].map(() => repository("app", access).uploadBlob(blob)));
    expect(outcomes.sort()).toEqual(["present", "present", "sent"]);
    expect(given.registry.log.filter(({ method }) => method === "PUT")).toHaveLength(1);
  });

  test("is a mount where another repository is known to have it; a refused mount takes the bytes", async () => {
    const blob = sourceOf(noise(5000));
    const access = accessWith();
    await repository("base", access).uploadBlob(blob);
    expect(await repository("app", access).uploadBlob(blob)).toBe("mounted");
    expect(given.registry.log.at(-1)?.url).toContain("from=base");
    given.registry.hook = (_, response, url) => {
      if (!url.searchParams.has("mount")) return false;
      refuse(response, 403, "DENIED");
      return true;
    };
    expect(await repository("third", access).uploadBlob(blob)).toBe("sent");
    expect(blob.opened).toBe(2);
  });

  test("to an absolute, foreign address goes there without credentials", async () => {
    await using other = await startMemoryRegistry();
    const seen: (string | undefined)[] = [];
    other.hook = async (request, response) => {
      seen.push(request.headers.authorization);
      for await (const _ of request);
      response.writeHead(201).end();
      return true;
    };
    given.registry.hook = (request, response) => {
      if (request.headers.authorization === undefined) {
        response.writeHead(401, { "www-authenticate": 'Basic realm="r"' }).end();
        return true;
      }
      if (request.method !== "POST") return false;
      response.writeHead(202, { location: `http://${other.address}/elsewhere?state=1` }).end();
      return true;
    };
    const credentials = async () =>
      ({ kind: "password", username: "u", password: "s3cret", from: "t" }) as const;
    expect(await repository("app", accessWith({ credentials })).uploadBlob(sourceOf(noise(100)))).toBe(
      "sent",
    );
    expect(seen).toEqual([undefined]);
  });
});
