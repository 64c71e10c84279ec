import { beforeEach, describe, expect, test } from "vitest";
import { all, givenRegistry, noise } from "../../tests/support/given-registry.ts";
import { digestOf } from "../layer/digest.ts";

const given = givenRegistry();
const { repository } = given;

describe("a blob", () => {
  const bytes = noise(300_000);
  const digest = digestOf(bytes);
  const want = { digest, size: bytes.length };

  beforeEach(() => {
    given.registry.blobs.set(`app@${digest}`, bytes);
  });

  test("that is cut goes on where it was", async () => {
    let cuts = 0;
    given.registry.hook = async (request, response) => {
      if (cuts === 2) return false;
      cuts += 1;
      const start = Number(/=(\d+)/.exec(request.headers.range ?? "")?.[1] ?? 0);
      response.writeHead(start > 0 ? 206 : 200, {
        "content-length": bytes.length - start,
        ...(start > 0 && { "content-range": `bytes ${start}-${bytes.length - 1}/${bytes.length}` }),
      });
      response.write(bytes.subarray(start, start + 100_000), () =>
        setTimeout(() => request.socket.resetAndDestroy(), 30),
      );
      return true;
    };
    expect((await all(repository().blob(want))).equals(bytes)).toBe(true);
    expect(given.registry.log.map(({ headers }) => headers.range)).toEqual([
      undefined,
      "bytes=100000-",
      "bytes=200000-",
    ]);
  });

  test("whose rest cannot be had alone is read past what is known", async () => {
    let calls = 0;
    given.registry.hook = (request, response) => {
      calls += 1;
      response.writeHead(200, { "content-length": bytes.length });
      if (calls === 1)
        response.write(bytes.subarray(0, 70_000), () =>
          setTimeout(() => request.socket.resetAndDestroy(), 30),
        );
      else response.end(bytes);
      return true;
    };
    expect((await all(repository().blob(want))).equals(bytes)).toBe(true);
  });

  test.for([
    { name: "other bytes", body: noise(300_001).subarray(1), code: "DIGEST_INVALID" },
    { name: "too few", body: bytes.subarray(1), code: "SIZE_INVALID" },
    { name: "too many", body: Buffer.concat([bytes, bytes]), code: "SIZE_INVALID" },
  ])("of $name is refused", async ({ body, code }) => {
    for (const length of [{ "content-length": body.length }, {}]) {
      given.registry.hook = (_, response) => {
        response.writeHead(200, length).end(body);
        return true;
      };
      await expect(all(repository().blob(want))).rejects.toMatchObject({ code });
    }
  });

  test("that is not there is said to be missing", async () => {
    await expect(all(repository("none").blob(want))).rejects.toMatchObject({
      code: "BLOB_UNKNOWN",
      message: expect.stringContaining(`${given.registry.address}/none`),
    });
  });
});
