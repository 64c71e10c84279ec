import { execFileSync } from "node:child_process";
import { createSign } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import { temporaryFolder } from "./temporary-folder.ts";

export const USER = "cambium";
export const PASSWORD = "s3cret-of-the-tests";
/** `htpasswd -Bbn -C 4 cambium s3cret-of-the-tests` (apache2-utils); docker-registry takes bcrypt only. */
const HTPASSWD = "cambium:$2y$04$IG0lvcaDi5OYAck0n6FYhe47Vd6WHwFwg4VMMXszvP8sIn8swjC2G\n";

/** Basic authentication for docker-registry, its file in `folder`. */
export function basicAuth(folder: { at(name: string): string }): string[] {
  writeFileSync(folder.at("htpasswd"), HTPASSWD);
  return ["auth:", `  htpasswd: {realm: tests, path: ${folder.at("htpasswd")}}`];
}

export type TokenServer = AsyncDisposable & {
  /** Lines for docker-registry's configuration. */
  readonly auth: readonly string[];
  /** Every request with the scopes that were asked for. */
  readonly log: { readonly method: string; readonly scopes: readonly string[]; readonly isKnown: boolean }[];
  /** Life of the tokens; docker-registry grants 60 s after its end. */
  lifeSec: number;
  /** Whether somebody without a login may pull. */
  allowsAnonymousPull: boolean;
};

/** The identity token that the server takes for `USER`. */
export const IDENTITY_TOKEN = "identity-s3cret-of-the-tests";

type Access = { readonly type: string; readonly name: string; readonly actions: readonly string[] };

/** A token server as distribution describes it, with a key of its own. (distribution, token/jwt.md and token/oauth.md) */
export async function startTokenServer(): Promise<TokenServer> {
  const folder = temporaryFolder();
  const [key, certificate] = [folder.at("key.pem"), folder.at("cert.pem")];
  const subject = ["-subj", "/CN=cambium tests", "-days", "2"];
  execFileSync(
    "openssl",
    ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, ...subject],
    {
      stdio: "ignore",
    },
  );
  const signer = { key: readFileSync(key, "utf8"), certificate: readFileSync(certificate, "utf8") };
  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? "", "http://token.invalid");
    const form = new URLSearchParams(await textOf(request));
    const isPost = request.method === "POST";
    const scopes = isPost ? (form.get("scope") ?? "").split(" ") : url.searchParams.getAll("scope");
    const known = isPost ? form.get("refresh_token") === IDENTITY_TOKEN : isUser(request);
    tokens.log.push({ method: request.method ?? "", scopes, isKnown: known === true });
    if (known === false) {
      response.writeHead(401).end("{}");
      return;
    }
    const granted = scopes
      .map(accessOf)
      .flatMap((access) => grant(access, known === true, tokens.allowsAnonymousPull));
    const token = signed(signer, granted, tokens.lifeSec);
    const body = isPost ? { access_token: token } : { token };
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ ...body, expires_in: tokens.lifeSec }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const tokens: TokenServer = {
    auth: [
      "auth:",
      "  token:",
      `    realm: http://127.0.0.1:${address.port}/token`,
      "    service: tests",
      "    issuer: cambium tests",
      `    rootcertbundle: ${certificate}`,
    ],
    log: [],
    lifeSec: 300,
    allowsAnonymousPull: false,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      folder[Symbol.dispose]();
    },
  };
  return tokens;
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

/** Undefined: nobody; false: somebody with a wrong password. */
function isUser(request: IncomingMessage): boolean | undefined {
  const sent = request.headers.authorization;
  return sent === undefined
    ? undefined
    : sent === `Basic ${Buffer.from(`${USER}:${PASSWORD}`).toString("base64")}`;
}

function accessOf(scope: string): Access {
  const [type = "", name = "", actions = ""] = scope.split(":");
  return { type, name, actions: actions.split(",") };
}

/** A user may do everything, except with what is called forbidden. */
function grant(access: Access, isKnown: boolean, allowsAnonymousPull: boolean): Access[] {
  if (access.name.startsWith("forbidden/")) return [];
  if (isKnown) return [access];
  return allowsAnonymousPull ? [{ ...access, actions: ["pull"] }] : [];
}

function signed(
  signer: { key: string; certificate: string },
  access: readonly Access[],
  lifeSec: number,
): string {
  const der = signer.certificate.replace(/-----[^-]+-----|\s/g, "");
  const nowSec = Math.floor(Date.now() / 1000);
  const claims = {
    iss: "cambium tests",
    sub: USER,
    aud: "tests",
    iat: nowSec,
    nbf: nowSec - 5,
    exp: nowSec + lifeSec,
    jti: crypto.randomUUID(),
    access,
  };
  const head = encoded({ typ: "JWT", alg: "RS256", x5c: [der] });
  const text = `${head}.${encoded(claims)}`;
  return `${text}.${createSign("RSA-SHA256").update(text).sign(signer.key).toString("base64url")}`;
}

function encoded(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
