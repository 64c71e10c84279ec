import { createServer, type IncomingMessage } from "node:http";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createHttpClient, type HttpClient } from "../../fetch/client.ts";
import { Authorizer, type AuthSubject } from "./authorizer.ts";
import type { RegistryCredentials } from "./credentials.ts";
import { type Action, formatScopes, joinScopes, parseScopes, repositoryScope } from "./scope.ts";

type Asked = {
  readonly method: string;
  readonly url: URL;
  readonly form: URLSearchParams;
  readonly authorization: string | undefined;
};

let server: ReturnType<typeof createServer>;
let realm: string;
let http: HttpClient;
let asked: Asked[];
let answer: (number: number) => { status?: number; body?: unknown };
let nowMs: number;

beforeEach(async () => {
  asked = [];
  nowMs = 1_000_000;
  answer = (number) => ({ body: { token: `token-${number}`, expires_in: 300 } });
  server = createServer(async (request, response) => {
    const form = new URLSearchParams(await textOf(request));
    const url = new URL(request.url ?? "", "http://token.invalid");
    asked.push({ method: request.method ?? "", url, form, authorization: request.headers.authorization });
    const { status = 200, body = {} } = answer(asked.length);
    response.writeHead(status).end(typeof body === "string" ? body : JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  realm = `http://127.0.0.1:${address.port}/token`;
  http = createHttpClient({ env: {}, backoffMs: 1, retries: 2 }, () => undefined);
});

afterEach(async () => {
  await http.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

function authorizerFor(credentials: RegistryCredentials | undefined): Authorizer {
  return new Authorizer({
    httpFor: () => http,
    credentials: async () => credentials,
    retryPolicy: http.retryPolicy,
    emit: () => undefined,
    signal: undefined,
    now: () => nowMs,
  });
}

function subjectOf(repository: string, action: Action): AuthSubject {
  return {
    origin: "http://127.0.0.1:1",
    registry: "127.0.0.1:1",
    repository,
    scopes: repositoryScope(repository, action),
  };
}

const password = { kind: "password", username: "u", password: "s3cret", from: "test" } as const;
const bearer = (scope = "") => `Bearer realm="${realm}",service="r.example"${scope && `,scope="${scope}"`}`;
const basic = `Basic ${Buffer.from("u:s3cret").toString("base64")}`;

test("nothing is sent before a registry has asked, then a token for what is done", async () => {
  const authorizer = authorizerFor(password);
  const subject = subjectOf("team/app", "push");
  expect(await authorizer.header(subject)).toBeUndefined();
  expect(await authorizer.renewed(subject, bearer("repository:team/app:pull"), undefined)).toBe(
    "Bearer token-1",
  );
  expect(asked[0]?.authorization).toBe(basic);
  expect([...asked[0]!.url.searchParams]).toEqual([
    ["service", "r.example"],
    ["scope", "repository:team/app:pull,push"],
    ["account", "u"],
  ]);
  expect(await authorizer.header(subject)).toBe("Bearer token-1");
  expect(asked).toHaveLength(1);
});

test("many who want the same token at once ask for it once; another repository has its own", async () => {
  const authorizer = authorizerFor(undefined);
  const subject = subjectOf("a", "pull");
  const headers = await Promise.all(
    Array.from({ length: 10 }, () => authorizer.renewed(subject, bearer(), undefined)),
  );
  expect(new Set(headers)).toEqual(new Set(["Bearer token-1"]));
  expect(asked[0]?.authorization).toBeUndefined();
  expect(await authorizer.header(subjectOf("b", "pull"))).toBe("Bearer token-2");
  expect(asked[1]?.url.searchParams.getAll("scope")).toEqual(["repository:b:pull"]);
});

test("a token is renewed before it ends, and when it was refused", async () => {
  const authorizer = authorizerFor(password);
  const subject = subjectOf("a", "push");
  await authorizer.renewed(subject, bearer(), undefined);
  nowMs += 269_000;
  expect(await authorizer.header(subject)).toBe("Bearer token-1");
  nowMs += 2000;
  expect(await authorizer.header(subject)).toBe("Bearer token-2");
  expect(await authorizer.renewed(subject, bearer(), "Bearer token-2")).toBe("Bearer token-3");
  // Somebody else renewed it since.
  expect(await authorizer.renewed(subject, bearer(), "Bearer token-2")).toBe("Bearer token-3");
});

test("an identity token is exchanged by POST, and its successor is used from then on", async () => {
  answer = (number) => ({ body: { access_token: `access-${number}`, refresh_token: `refresh-${number}` } });
  const authorizer = authorizerFor({ kind: "identity-token", token: "refresh-0", from: "test" });
  expect(await authorizer.renewed(subjectOf("a", "pull"), bearer(), undefined)).toBe("Bearer access-1");
  expect(await authorizer.header(subjectOf("b", "pull"))).toBe("Bearer access-2");
  expect(
    asked.map(({ method, form }) => [method, form.get("grant_type"), form.get("refresh_token")]),
  ).toEqual([
    ["POST", "refresh_token", "refresh-0"],
    ["POST", "refresh_token", "refresh-1"],
  ]);
  expect(asked[0]?.form.get("scope")).toBe("repository:a:pull");
  expect(asked[0]?.url.search).toBe("");
});

test("Basic and ready-made tokens need no server", async () => {
  const subject = subjectOf("a", "pull");
  expect(await authorizerFor(password).renewed(subject, 'Basic realm="r"', undefined)).toBe(basic);
  expect(await authorizerFor(password).renewed(subject, 'Basic realm="r"', basic)).toBeUndefined();
  expect(await authorizerFor(undefined).renewed(subject, 'Basic realm="r"', undefined)).toBeUndefined();
  const ready = { kind: "registry-token", token: "ready", from: "test" } as const;
  expect(await authorizerFor(ready).renewed(subject, bearer(), undefined)).toBe("Bearer ready");
  expect(asked).toEqual([]);
});

test("a challenge nobody can meet gives nothing", async () => {
  expect(
    await authorizerFor(password).renewed(subjectOf("a", "pull"), "Negotiate", undefined),
  ).toBeUndefined();
  expect(await authorizerFor(password).renewed(subjectOf("a", "pull"), undefined, undefined)).toBeUndefined();
});

test("a token server that fails is tried again, one that refuses is not", async () => {
  answer = (number) => (number < 3 ? { status: 503 } : { body: { token: "late" } });
  expect(await authorizerFor(password).renewed(subjectOf("a", "pull"), bearer(), undefined)).toBe(
    "Bearer late",
  );
  answer = () => ({ status: 401 });
  expect(await authorizerFor(password).renewed(subjectOf("a", "pull"), bearer(), undefined)).toBeUndefined();
  expect(asked).toHaveLength(4);
});

test.for([
  { name: "no JSON", body: "<html>" },
  { name: "no token", body: {} },
  { name: "a token that would break a header", body: { token: "a\r\nx: y" } },
  { name: "too much", body: { token: "a".repeat(70_000) } },
])("an answer with $name is refused", async ({ body }) => {
  answer = () => ({ body });
  await expect(
    authorizerFor(password).renewed(subjectOf("a", "pull"), bearer(), undefined),
  ).rejects.toMatchObject({ code: "TOKEN_INVALID", message: expect.not.stringContaining("s3cret") });
});

test.for(["http://token.example/", "ftp://token.example/", "no url", "https://u:p@token.example/"])(
  "a registry with TLS may not send credentials to %s",
  async (address) => {
    const subject = { ...subjectOf("a", "pull"), origin: "https://r.example" };
    await expect(
      authorizerFor(password).renewed(subject, `Bearer realm="${address}"`, undefined),
    ).rejects.toMatchObject({ code: "TOKEN_INVALID" });
  },
);

test("no secret stays in a text", async () => {
  const authorizer = authorizerFor(password);
  await authorizer.renewed(subjectOf("a", "pull"), bearer(), undefined);
  expect(authorizer.redact(`${basic} s3cret Bearer token-1`)).toBe("Basic **** **** Bearer ****");
});

test("scopes are joined by resource, in a stable order", () => {
  const scopes = joinScopes(
    parseScopes("repository:host:5000/b:push,pull registry:catalog:*"),
    repositoryScope("a", "pull"),
  );
  expect(formatScopes(scopes)).toEqual([
    "registry:catalog:*",
    "repository:a:pull",
    "repository:host:5000/b:pull,push",
  ]);
  expect(formatScopes(parseScopes(" nonsense  "))).toEqual([]);
});
