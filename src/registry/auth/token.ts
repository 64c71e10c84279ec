import { z } from "zod";
import { CambiumError } from "../../errors.ts";
import type { HttpClient, Response } from "../../fetch/client.ts";
import { failureFromStatus } from "../../fetch/failure.ts";
import { redactUrl } from "../../fetch/redact.ts";
import { authorizationFrom } from "../../fetch/settings.ts";
import type { RegistryCredentials } from "./credentials.ts";
import { formatScopes, type Scopes } from "./scope.ts";

/** `expiresAtMs` in ms since 1970. */
export type Token = { readonly value: string; readonly expiresAtMs: number; readonly refreshToken?: string };

export type TokenRequest = {
  /** Where the challenge said tokens are to be had. */
  readonly realm: string;
  readonly service: string | undefined;
  readonly scopes: Scopes;
  readonly credentials: RegistryCredentials | undefined;
  /** For messages: the registry that sent us there. */
  readonly registry: string;
};

const CLIENT_ID = "cambium";
const MAX_ANSWER_BYTES = 64 * 1024;
/** What a server means that does not say. (distribution, token/jwt.md) */
const DEFAULT_LIFE_SEC = 60;

const answerSchema = z.object({
  token: z.string().optional(),
  access_token: z.string().optional(),
  expires_in: z.number().nullish(),
  refresh_token: z.string().nullish(),
});

/**
 * One attempt to get a token: GET with Basic or without credentials (distribution, token/jwt.md), POST for an identity
 * token (token/oauth.md). Undefined: the server refuses.
 * @throws FetchFailure for what may pass; CambiumError `TOKEN_INVALID`, `FETCH_REDIRECT`.
 */
export async function requestToken(
  http: HttpClient,
  request: TokenRequest,
  now: () => number,
  signal?: AbortSignal,
): Promise<Token | undefined> {
  const name = `token of ${request.registry}`;
  const options = { name, signal, isAnonymous: true };
  const { credentials } = request;
  const url = new URL(request.realm);
  let answer: Response;
  if (credentials?.kind === "identity-token") {
    const body = oauthForm(request, credentials.token);
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    answer = await http.request(url.href, { ...options, method: "POST", headers, body });
  } else {
    if (request.service !== undefined) url.searchParams.set("service", request.service);
    for (const scope of formatScopes(request.scopes)) url.searchParams.append("scope", scope);
    if (credentials?.kind === "password") url.searchParams.set("account", credentials.username);
    const headers =
      credentials?.kind === "password" ? { authorization: authorizationFrom(credentials) } : undefined;
    answer = await http.request(url.href, { ...options, ...(headers && { headers }) });
  }
  if (answer.status !== 200) {
    await answer.discard();
    if ([400, 401, 403].includes(answer.status)) return undefined;
    throw failureFromStatus(name, answer, now());
  }
  return tokenFrom(await boundedText(answer, url, name), url, name, now());
}

function oauthForm({ service, scopes }: TokenRequest, refreshToken: string): string {
  const form = new URLSearchParams({
    grant_type: "refresh_token",
    client_id: CLIENT_ID,
    refresh_token: refreshToken,
    scope: formatScopes(scopes).join(" "),
  });
  if (service !== undefined) form.set("service", service);
  return form.toString();
}

async function boundedText(answer: Response, url: URL, name: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of answer.body) {
    size += chunk.byteLength;
    if (size > MAX_ANSWER_BYTES) throw invalid(name, url, `an answer beyond ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function tokenFrom(text: string, url: URL, name: string, nowMs: number): Token {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw invalid(name, url, "an answer that is not JSON");
  }
  const parsed = answerSchema.safeParse(json);
  const value = parsed.data?.token || parsed.data?.access_token;
  // It goes into a header.
  if (!parsed.success || !value || !/^[\x21-\x7e]+$/.test(value))
    throw invalid(name, url, "an answer without a token");
  const { expires_in: life, refresh_token: refreshToken } = parsed.data;
  const lifeMs = Math.max(0, life ?? DEFAULT_LIFE_SEC) * 1000;
  return { value, expiresAtMs: nowMs + lifeMs, ...(refreshToken ? { refreshToken } : {}) };
}

function invalid(name: string, url: URL, what: string) {
  return new CambiumError("TOKEN_INVALID", `${name}: ${what}: ${redactUrl(url)}`, {
    hint: "The registry names this address as its token server; check the registry and proxies before it.",
  });
}
