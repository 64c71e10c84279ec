import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type FaultyServer, startFaultyServer } from "../../tests/support/faulty-server.ts";
import type { BuildEvent } from "../events.ts";
import { digestOf } from "../layer/digest.ts";
import { openStore, type Store } from "../store/store.ts";
import { createHttpClient, type HttpClient } from "./client.ts";
import { downloadBlob } from "./download.ts";
import type { HttpSettings } from "./settings.ts";

/** Bytes that differ everywhere, so that a wrong offset shows. */
function noise(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0, x = seed; i < length; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    bytes[i] = x >>> 24;
  }
  return bytes;
}

const body = noise(1_000_000);
const digest = digestOf(body);
const etag = { etag: '"v1"' };

let root: string;
let store: Store;
let server: FaultyServer;
let client: HttpClient;
let events: BuildEvent[];

function clientWith(settings: Partial<HttpSettings> = {}): HttpClient {
  return createHttpClient({ env: {}, backoffMs: 1, ...settings }, (event) => events.push(event));
}

function want(...urls: string[]) {
  return { urls, digest, sizeBytes: body.byteLength, name: "pkg.whl" };
}

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "cambium-download-"));
  store = openStore(root);
  server = await startFaultyServer();
  events = [];
  client = clientWith();
});

afterEach(async () => {
  await client.close();
  await server[Symbol.asyncDispose]();
  // Whatever happened, nothing half-written stays.
  expect(readdirSync(join(root, "tmp"))).toEqual([]);
  store.close();
  rmSync(root, { recursive: true, force: true });
});

function stored(): Buffer {
  return readFileSync(store.blobs.path(digest));
}

describe("a good server", () => {
  test("the bytes arrive whole, and are told of", async () => {
    const url = server.serve("/pkg.whl", body);
    expect(await downloadBlob(store, client, want(url))).toBe("downloaded");
    expect(stored().equals(body)).toBe(true);
    expect(events[0]).toEqual({
      type: "download-started",
      id: digest,
      name: "pkg.whl",
      sizeBytes: body.byteLength,
    });
    expect(events.at(-1)).toEqual({ type: "download-done", id: digest, receivedBytes: body.byteLength });
  });

  test("what is present costs no request", async () => {
    store.blobs.put(body);
    expect(await downloadBlob(store, client, want(`${server.url}/pkg.whl`))).toBe("present");
    expect(server.log).toEqual([]);
    expect(events).toEqual([]);
  });

  test("ten callers of one blob make one request", async () => {
    const url = server.serve("/pkg.whl", body, { drip: { bytes: 300_000, pauseMs: 5 } });
    const results = await Promise.all(
      Array.from({ length: 10 }, () => downloadBlob(store, client, want(url))),
    );
    expect(results.filter((result) => result === "downloaded")).toHaveLength(1);
    expect(server.log).toHaveLength(1);
  });

  test("two stores on one folder share a download", async () => {
    const url = server.serve("/pkg.whl", body, { drip: { bytes: 300_000, pauseMs: 5 } });
    const other = openStore(root);
    await Promise.all([downloadBlob(store, client, want(url)), downloadBlob(other, client, want(url))]);
    other.close();
    expect(server.log).toHaveLength(1);
  });

  test("a blob of no declared size and length arrives too", async () => {
    const url = server.serve("/pkg.whl", body, { isChunked: true });
    await downloadBlob(store, client, { urls: [url], digest, name: "pkg.whl" });
    expect(stored().equals(body)).toBe(true);
  });

  test("never more at once than the settings say", async () => {
    const few = clientWith({ maxConcurrent: 2 });
    let running = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 8 }, async (_, n) => {
        const bytes = noise(1000, n + 2);
        const url = server.serve(`/${n}`, bytes, { drip: { bytes: 500, pauseMs: 5 } });
        const client = {
          ...few,
          request: async (...args: Parameters<HttpClient["request"]>) => {
            most = Math.max(most, ++running);
            const answer = await few.request(...args);
            running--;
            return answer;
          },
        };
        await downloadBlob(store, client, { urls: [url], digest: digestOf(bytes), name: `${n}` });
      }),
    );
    await few.close();
    expect(server.log).toHaveLength(8);
    expect(most).toBeLessThanOrEqual(2);
  });
});

describe("a cut", () => {
  test("only the rest is asked for again, of the same version", async () => {
    const url = server.serve("/pkg.whl", body, { headers: etag, cutAfter: 400_000 }, { headers: etag });
    await downloadBlob(store, client, want(url));
    expect(stored().equals(body)).toBe(true);
    const [, second] = server.requests("/pkg.whl");
    expect(second?.headers.range).toMatch(/^bytes=[1-9]\d*-$/);
    expect(second?.headers["if-range"]).toBe('"v1"');
    expect(events.filter(({ type }) => type === "download-retry")).toHaveLength(1);
  });

  test("a server that ignores Range sends all again, and all of it counts", async () => {
    const url = server.serve("/pkg.whl", body, { cutAfter: 400_000 }, { ignoreRange: true });
    await downloadBlob(store, client, want(url));
    expect(stored().equals(body)).toBe(true);
  });

  test("a file that changed in between is taken from its start", async () => {
    const old = noise(1_000_000, 9);
    const url = server.serve(
      "/pkg.whl",
      body,
      { body: old, headers: { etag: '"v0"' }, cutAfter: 400_000 },
      { headers: etag },
    );
    await downloadBlob(store, client, want(url));
    expect(stored().equals(body)).toBe(true);
    expect(server.log).toHaveLength(2);
  });

  test("HTTP 416 begins anew", async () => {
    const url = server.serve("/pkg.whl", body, { cutAfter: 400_000 }, { status: 416 });
    await downloadBlob(store, client, want(url));
    expect(stored().equals(body)).toBe(true);
    expect(server.requests("/pkg.whl").at(-1)?.headers.range).toBeUndefined();
  });

  test("a part that begins elsewhere is not joined on", async () => {
    const wrong = { status: 206, headers: { "content-range": "bytes 0-999999/1000000" } };
    const url = server.serve("/pkg.whl", body, { cutAfter: 400_000 }, wrong);
    await downloadBlob(store, client, want(url));
    expect(stored().equals(body)).toBe(true);
  });

  test("an answer that ends too early in good order is resumed", async () => {
    const url = server.serve("/pkg.whl", body, { endAfter: 400_000 });
    await downloadBlob(store, client, want(url));
    expect(stored().equals(body)).toBe(true);
    expect(server.requests("/pkg.whl")[1]?.headers.range).toBe("bytes=400000-");
  });

  test("a connection that falls silent counts as cut", async () => {
    client = clientWith({ idleTimeoutMs: 200 });
    const url = server.serve("/pkg.whl", body, { stallAfter: 400_000 });
    await downloadBlob(store, client, want(url));
    expect(stored().equals(body)).toBe(true);
    expect(events).toContainEqual(expect.objectContaining({ reason: "no byte for too long" }));
  });

  test("a line that drops every 100 kB still gets there, since each attempt brings something", async () => {
    client = clientWith({ retries: 2 });
    const cut = { cutAfter: 100_000, headers: etag };
    const url = server.serve("/pkg.whl", body, ...Array(9).fill(cut), { headers: etag });
    await downloadBlob(store, client, want(url));
    expect(stored().equals(body)).toBe(true);
  });

  test("a server that always resets ends in an error after the retries", async () => {
    client = clientWith({ retries: 3 });
    const url = server.always("/pkg.whl", { isReset: true });
    await expect(downloadBlob(store, client, want(url))).rejects.toMatchObject({
      code: "FETCH_INTERRUPTED",
      exitCode: 3,
      message: expect.stringContaining("pkg.whl"),
    });
    expect(server.log).toHaveLength(4);
  });
});

describe("a refusal", () => {
  test("429 waits as long as Retry-After says", async () => {
    const url = server.serve("/pkg.whl", body, { status: 429, headers: { "retry-after": "0" } });
    await downloadBlob(store, client, want(url));
    expect(events).toContainEqual(
      expect.objectContaining({ type: "download-retry", reason: "HTTP 429", waitMs: 0 }),
    );
  });

  test("503 is tried again, and named when it stays", async () => {
    client = clientWith({ retries: 2 });
    const url = server.always("/pkg.whl", { status: 503 });
    await expect(downloadBlob(store, client, want(url))).rejects.toMatchObject({
      code: "FETCH_FAILED",
      message: expect.stringContaining("HTTP 503"),
    });
    expect(server.log).toHaveLength(3);
  });

  test.for([
    { status: 404, code: "FETCH_NOT_FOUND" },
    { status: 410, code: "FETCH_NOT_FOUND" },
    { status: 401, code: "FETCH_UNAUTHORIZED" },
    { status: 403, code: "FETCH_UNAUTHORIZED" },
    { status: 400, code: "FETCH_FAILED" },
  ])("$status is $code at once", async ({ status, code }) => {
    const url = server.always("/pkg.whl", { status });
    await expect(downloadBlob(store, client, want(url))).rejects.toMatchObject({
      code,
      message: expect.stringContaining("/pkg.whl"),
      hint: expect.stringMatching(/./),
    });
    expect(server.log).toHaveLength(1);
  });

  test("the next address is tried", async () => {
    const url = server.serve("/second/pkg.whl", body);
    await downloadBlob(store, client, want(`${server.url}/first/pkg.whl`, url));
    expect(stored().equals(body)).toBe(true);
  });

  test("of several failures the telling one is reported", async () => {
    const locked = server.always("/locked", { status: 403 });
    const urls = [`${server.url}/gone`, locked, `${server.url}/gone-too`];
    await expect(downloadBlob(store, client, want(...urls))).rejects.toMatchObject({
      code: "FETCH_UNAUTHORIZED",
    });
  });

  test("a server that is not there is unreachable, without a long wait", async () => {
    const url = `${server.url}/pkg.whl`;
    await server[Symbol.asyncDispose]();
    await expect(downloadBlob(store, client, want(url))).rejects.toMatchObject({
      code: "FETCH_UNREACHABLE",
      exitCode: 3,
    });
    expect(events.filter(({ type }) => type === "download-retry")).toHaveLength(2);
    server = await startFaultyServer();
  });

  test("a signal stops it, with its own reason", async () => {
    const url = server.serve("/pkg.whl", body, { stallAfter: 400_000 });
    const reason = new Error("stopped by the user");
    const controller = new AbortController();
    const running = downloadBlob(store, client, want(url), controller.signal);
    setTimeout(() => controller.abort(reason), 50);
    await expect(running).rejects.toBe(reason);
  });
});

describe("wrong bytes", () => {
  test("are fetched once more, then refused with both digests", async () => {
    const wrong = noise(1_000_000, 7);
    const url = server.always("/pkg.whl", { body: wrong });
    await expect(downloadBlob(store, client, want(url))).rejects.toMatchObject({
      code: "DIGEST_INVALID",
      message: expect.stringMatching(new RegExp(`want ${digest}, got ${digestOf(wrong)}`)),
    });
    expect(server.log).toHaveLength(2);
    expect(store.blobs.has(digest)).toBe(false);
    expect([...store.blobs.list()]).toEqual([]);
  });

  test("that were an accident do no harm", async () => {
    const url = server.serve("/pkg.whl", body, { body: noise(1_000_000, 7) });
    await downloadBlob(store, client, want(url));
    expect(stored().equals(body)).toBe(true);
  });

  test("a declared length beyond the wanted one is refused before a byte is taken", async () => {
    const url = server.always("/pkg.whl", { body: noise(1_000_001, 7) });
    await expect(downloadBlob(store, client, want(url))).rejects.toMatchObject({ code: "SIZE_INVALID" });
    expect(server.log).toHaveLength(1);
  });

  test("an endless body is stopped at the wanted size", async () => {
    const url = server.always("/pkg.whl", { body: noise(3_000_000, 7), isChunked: true });
    await expect(downloadBlob(store, client, want(url))).rejects.toMatchObject({ code: "SIZE_INVALID" });
    expect(server.log).toHaveLength(1);
  });

  test("a declared length below the wanted one is another file", async () => {
    const url = server.always("/pkg.whl", { body: noise(999_999, 7) });
    await expect(downloadBlob(store, client, want(url))).rejects.toMatchObject({
      code: "SIZE_INVALID",
      message: expect.stringContaining("got 999999 of 1000000 bytes"),
    });
  });
});

describe("secrets", () => {
  test("are sent, and stand in no message, event or stored byte", async () => {
    const url = server.always("/pkg.whl", { status: 403 });
    const secret = `${url.replace("http://", "http://user:hunter2@")}?sig=s1gn4ture`;
    const error = await downloadBlob(store, client, want(secret)).catch((thrown: Error) => thrown);
    expect(server.log[0]?.headers.authorization).toBe(
      `Basic ${Buffer.from("user:hunter2").toString("base64")}`,
    );
    expect(error).toMatchObject({
      message: expect.stringContaining("credentials that were sent were refused"),
    });
    const told = `${JSON.stringify(events)} ${error} ${JSON.stringify(error)} ${(error as Error).stack}`;
    expect(told).not.toMatch(/hunter2|s1gn4ture|user:/);
  });
});

describe("a local file", () => {
  test("is copied and verified", async () => {
    const path = join(root, "pkg #1.whl");
    writeFileSync(path, body);
    expect(await downloadBlob(store, client, want(pathToFileURL(path).href))).toBe("downloaded");
    expect(stored().equals(body)).toBe(true);
  });

  test.for([
    { name: "missing", bytes: undefined, code: "FETCH_NOT_FOUND" },
    { name: "shorter", bytes: body.subarray(1), code: "SIZE_INVALID" },
    { name: "other", bytes: noise(1_000_000, 4), code: "DIGEST_INVALID" },
  ])("$name is refused with $code", async ({ bytes, code }) => {
    const path = join(root, "pkg.whl");
    if (bytes !== undefined) writeFileSync(path, bytes);
    await expect(downloadBlob(store, client, want(pathToFileURL(path).href))).rejects.toMatchObject({
      code,
      message: expect.stringContaining("pkg.whl"),
    });
  });
});
