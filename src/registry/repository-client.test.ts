import { describe, expect, test } from "vitest";
import { givenRegistry, manifest } from "../../tests/support/given-registry.ts";
import { refuse } from "../../tests/support/memory-registry.ts";
import { parseReference } from "../image/reference.ts";
import type { Digest } from "../layer/digest.ts";
import { openRepository } from "./repository.ts";

import { NO_REGISTRY_SETTINGS } from "./settings.ts";

const given = givenRegistry();
const { accessWith, repository } = given;

describe("an error", () => {
  const failing = (status: number, body: string, headers = {}) => {
    given.registry.hook = (_, response) => {
      response.writeHead(status, headers).end(body);
      return true;
    };
  };

  test.for([
    { status: 403, body: "", code: "DENIED" },
    { status: 405, body: "", code: "UNSUPPORTED" },
    { status: 429, body: "", code: "TOOMANYREQUESTS" },
    { status: 400, body: '{"errors":[{"code":"NAME_INVALID","message":"no"}]}', code: "NAME_INVALID" },
    { status: 403, body: '{"errors":[{"code":"DENIED","message":"quota exceeded"}]}', code: "DENIED" },
    { status: 400, body: '{"errors":[{"code":"STORE_UNWRITABLE"}]}', code: "REGISTRY_ANSWER" },
    { status: 502, body: "<html>bad gateway</html>", code: "REGISTRY_ANSWER" },
    { status: 418, body: '{"errors":"none"}', code: "REGISTRY_ANSWER" },
  ])("$status $body is $code, with the status and a way out", async ({ status, body, code }) => {
    failing(status, body);
    await expect(repository("app", accessWith({ retries: 0 })).manifest("1")).rejects.toMatchObject({
      code,
      message: expect.stringMatching(new RegExp(`${given.registry.address}/app: manifest 1: .* ${status}`)),
      hint: expect.any(String),
    });
  });

  test("has the registry's words in one bounded line without our secrets", async () => {
    const password = "s3cret-password";
    const credentials = async () =>
      ({ kind: "password", username: "u", password, from: "/p/auth.json" }) as const;
    given.registry.hook = (request, response) => {
      const sent = request.headers.authorization;
      if (sent === undefined) response.writeHead(401, { "www-authenticate": "Basic realm=r" }).end();
      else refuse(response, 403, "DENIED", `no\n${sent} ${password}${"x".repeat(100_000)}`);
      return true;
    };
    const error: Error = await repository("app", accessWith({ credentials }))
      .manifest("1")
      .then(
        () => expect.unreachable(),
        (thrown) => thrown,
      );
    expect(error.message).not.toMatch(/s3cret|dTpzM2Ny|\n/);
    expect(error.message).toContain("Basic **** ****");
    expect(error.message.length).toBeLessThan(400);
  });

  test("of refused credentials says where they came from, one of none how to log in", async () => {
    failing(401, "", { "www-authenticate": "Basic realm=r" });
    const credentials = async () =>
      ({ kind: "password", username: "u", password: "s3cret", from: "/p/auth.json" }) as const;
    await expect(repository("app", accessWith({ credentials })).manifest("1")).rejects.toMatchObject({
      code: "UNAUTHORIZED",
      message: expect.stringMatching(/^(?!.*s3cret).*\/p\/auth\.json/),
    });
    await expect(repository().manifest("1")).rejects.toMatchObject({
      code: "UNAUTHORIZED",
      hint: expect.stringContaining(`docker login ${given.registry.address}`),
    });
  });
});

test("a registry named as insecure may have plain HTTP", async () => {
  const host = given.registry.address.replace("127.0.0.1", "0.0.0.0");
  await repository().putManifest(manifest, "1");
  const settings = { ...NO_REGISTRY_SETTINGS, insecureHosts: [host] };
  const app = openRepository(parseReference(`${host}/app`, "test"), accessWith({ settings }));
  expect(await app.manifest("1")).toBeDefined();
  const strict = openRepository(parseReference(`${host}/app`, "test"), accessWith({ retries: 0 }));
  await expect(strict.manifest("1")).rejects.toMatchObject({
    hint: expect.stringContaining("--registry-insecure"),
  });
});

test("an interrupted session ends with its own reason", async () => {
  const controller = new AbortController();
  const reason = new Error("stop");
  given.registry.hook = () => {
    controller.abort(reason);
    return true;
  };
  await expect(
    repository("app", accessWith({ signal: controller.signal })).manifest("1" as Digest),
  ).rejects.toBe(reason);
});
