import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type FaultyServer, startFaultyServer } from "../../tests/support/faulty-server.ts";
import type { BuildEvent } from "../events.ts";
import { createHttpClient, type HttpClient } from "./client.ts";
import { retryAfterFrom } from "./failure.ts";
import { redactUrl } from "./redact.ts";
import type { HttpSettings } from "./settings.ts";

let server: FaultyServer;
let other: FaultyServer;
let client: HttpClient;
let events: BuildEvent[];

function clientWith(settings: Partial<HttpSettings> = {}): HttpClient {
  return createHttpClient({ env: {}, backoffMs: 1, ...settings }, (event) => events.push(event));
}

beforeEach(async () => {
  server = await startFaultyServer();
  other = await startFaultyServer();
  events = [];
  client = clientWith();
});

afterEach(async () => {
  await client.close();
  await server[Symbol.asyncDispose]();
  await other[Symbol.asyncDispose]();
});

const small = { maxBytes: 1000, name: "index of numpy" };
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

describe("a document", () => {
  test("comes with its final address", async () => {
    server.always("/simple/numpy", { status: 301, headers: { location: "/simple/numpy/" } });
    server.serve("/simple/numpy/", "<a>");
    const document = await client.document(`${server.url}/simple/numpy`, small);
    expect(text(document.bytes)).toBe("<a>");
    expect(document.url).toBe(`${server.url}/simple/numpy/`);
  });

  test("in gzip is unpacked", async () => {
    const url = server.always("/x", { body: gzipSync("hello"), headers: { "content-encoding": "gzip" } });
    expect(text((await client.document(url, small)).bytes)).toBe("hello");
  });

  test("asked for as it is stays as it is", async () => {
    const packed = gzipSync("hello");
    const url = server.always("/x.gz", { body: packed, headers: { "content-encoding": "gzip" } });
    const headers = { "accept-encoding": "identity" };
    expect(text((await client.document(url, { ...small, headers })).bytes)).toBe(text(packed));
  });

  test.for([
    { name: "declared", behaviour: { body: "x".repeat(1001) } },
    { name: "undeclared", behaviour: { body: "x".repeat(5000), isChunked: true } },
    {
      name: "unpacked",
      behaviour: { body: gzipSync("x".repeat(100_000)), headers: { "content-encoding": "gzip" } },
    },
  ])("too large when $name is refused", async ({ behaviour }) => {
    const url = server.always("/x", behaviour);
    await expect(client.document(url, small)).rejects.toMatchObject({
      code: "SIZE_INVALID",
      message: expect.stringContaining("1000 bytes"),
    });
  });

  test("that is missing is an error, or an answer if so wanted", async () => {
    const url = `${server.url}/none`;
    await expect(client.document(url, small)).rejects.toMatchObject({ code: "FETCH_NOT_FOUND" });
    expect(await client.document(url, { ...small, allow404: true })).toMatchObject({ status: 404 });
  });

  test("unchanged since (304) is an answer", async () => {
    const url = server.always("/x", { status: 304 });
    const headers = { "if-none-match": '"v1"' };
    expect(await client.document(url, { ...small, headers })).toMatchObject({ status: 304 });
    expect(server.log[0]?.headers["if-none-match"]).toBe('"v1"');
  });

  test("cut in its middle is fetched again", async () => {
    const url = server.serve("/x", "0123456789", { cutAfter: 5 });
    expect(text((await client.document(url, small)).bytes)).toBe("0123456789");
  });

  test.for(["ftp://index.example/x", "not a url", "file:///etc/passwd"])("at %s is refused", async (url) => {
    await expect(client.document(url, small)).rejects.toMatchObject({
      code: "URL_UNSUPPORTED",
      exitCode: 2,
      message: expect.stringContaining(url),
    });
  });
});

describe("redirects", () => {
  test("in a circle end", async () => {
    const url = server.always("/a", { status: 302, headers: { location: "/a" } });
    await expect(client.document(url, small)).rejects.toMatchObject({ code: "FETCH_REDIRECT" });
    expect(server.log).toHaveLength(6);
  });

  test.for(["file:///etc/passwd", "ftp://mirror.example/", "http://"])(
    "to %s are refused",
    async (location) => {
      const url = server.always("/a", { status: 302, headers: { location } });
      await expect(client.document(url, small)).rejects.toMatchObject({
        code: "FETCH_REDIRECT",
        message: expect.stringContaining(location),
      });
    },
  );

  test("to another origin lose the credentials of the first", async () => {
    const there = other.serve("/x", "x");
    const there2 = there.replace("http://", "http://mallory:pw@");
    server.always("/a", { status: 302, headers: { location: there2 } });
    server.always("/b", { status: 302, headers: { location: "/a" } });
    const url = `${server.url}/b`.replace("http://", "http://user:secret@");
    const headers = { authorization: "Bearer mine", cookie: "a=b", "x-kept": "1" };
    await client.document(url, { ...small, headers });
    expect(server.requests("/a")[0]?.headers.authorization).toBe("Bearer mine");
    const seen = other.log[0]?.headers;
    expect(seen).toMatchObject({ "x-kept": "1" });
    expect(seen?.authorization).toBeUndefined();
    expect(seen?.cookie).toBeUndefined();
  });

  test("to a host that has credentials of its own send those", async () => {
    const there = other.serve("/x", "x");
    const url = server.always("/a", { status: 302, headers: { location: there } });
    const host = new URL(there).host;
    const picky = clientWith({
      credentials: (asked) => (asked.host === host ? { token: "t" } : undefined),
    });
    await picky.document(url, small);
    await picky.close();
    expect(server.log[0]?.headers.authorization).toBeUndefined();
    expect(other.log[0]?.headers.authorization).toBe("Bearer t");
  });
});

describe("credentials", () => {
  test("with escapes in the URL are sent as meant", async () => {
    const url = server.serve("/x", "x").replace("http://", "http://us%40er:p%C3%A4%3Ass%25@");
    await client.document(url, small);
    const sent = server.log[0]?.headers.authorization?.replace("Basic ", "") ?? "";
    expect(Buffer.from(sent, "base64").toString()).toBe("us@er:pä:ss%");
  });

  test("that are missing are said to be missing", async () => {
    const url = server.always("/x", { status: 401 });
    await expect(client.document(url, small)).rejects.toMatchObject({
      code: "FETCH_UNAUTHORIZED",
      message: expect.stringContaining("no credentials were sent"),
    });
  });
});

describe("size and ranges", () => {
  test("HEAD gives the size without the bytes", async () => {
    const url = server.serve("/x", "0123456789");
    expect(await client.head(url, { name: "x" })).toMatchObject({ status: 200, sizeBytes: 10 });
    expect(server.log[0]?.method).toBe("HEAD");
  });

  test("a range gives those bytes", async () => {
    const url = server.serve("/x", "0123456789");
    expect(text(await client.range(url, 3, 7, { name: "x" }))).toBe("3456");
  });

  test("a server without ranges is named as such", async () => {
    const url = server.always("/x", { body: "0123456789", ignoreRange: true });
    await expect(client.range(url, 3, 7, { name: "x" })).rejects.toMatchObject({ code: "RANGE_UNSUPPORTED" });
  });
});

describe("the environment", () => {
  test("a proxy is used for http, and not for this machine or what NO_PROXY names", async () => {
    const proxied = clientWith({ env: { HTTP_PROXY: other.url, NO_PROXY: "0.0.0.0" } });
    server.serve("/x", "direct");
    expect(text((await proxied.document(`${server.url}/x`, small)).bytes)).toBe("direct");
    // Leads here too, but does not say so.
    const unnamed = `${server.url}/x`.replace("127.0.0.1", "0.0.0.0");
    expect(text((await proxied.document(unnamed, small)).bytes)).toBe("direct");
    expect(other.log).toEqual([]);
    await proxied.document("http://index.example/y", { ...small, allow404: true });
    expect(other.log).toHaveLength(1);
    await proxied.close();
  });

  test("a proxy that is no URL is an error that hides its password", async () => {
    const proxied = clientWith({ env: { HTTP_PROXY: "ftp://u:hunter2@proxy.example" } });
    const error = await proxied.document("http://index.example/x", small).catch((thrown: Error) => thrown);
    expect(error).toMatchObject({ code: "PROXY_INVALID", message: expect.stringContaining("proxy.example") });
    expect(String(error)).not.toContain("hunter2");
  });

  test("a certificate file that is not there is named", async () => {
    const secure = clientWith({ env: { SSL_CERT_FILE: "/nonexistent/ca.pem" } });
    await expect(secure.document("https://index.example/", small)).rejects.toMatchObject({
      code: "CA_UNREADABLE",
      message: expect.stringContaining("/nonexistent/ca.pem"),
    });
  });
});

test.for([
  ["https://u:p@index.example/a/b?x=1#y", "https://index.example/a/b"],
  ["https://u:p%40q@index.example", "https://index.example"],
  ["https://u:p@q@index.example/a@b", "https://index.example/a@b"],
  ["u:p@index.example/?token=1", "u:p@index.example/"],
  ["https:\\\\u:p@index.example\\a", "https:\\\\index.example\\a"],
  ["https://index.example/a", "https://index.example/a"],
])("%s is shown as %s", ([url, shown]) => {
  expect(redactUrl(url!)).toBe(shown);
});

test("Retry-After is read as seconds or date, and never beyond a minute", () => {
  const now = Date.parse("2024-01-01T00:00:00Z");
  expect(retryAfterFrom("7", now)).toBe(7000);
  expect(retryAfterFrom("Mon, 01 Jan 2024 00:00:09 GMT", now)).toBe(9000);
  expect(retryAfterFrom("Sun, 31 Dec 2023 00:00:00 GMT", now)).toBe(0);
  expect(retryAfterFrom("86400", now)).toBe(60_000);
  expect(retryAfterFrom("soon", now)).toBeUndefined();
  expect(retryAfterFrom(undefined, now)).toBeUndefined();
});
