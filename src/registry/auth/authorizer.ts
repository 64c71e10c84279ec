import { CambiumError } from "../../errors.ts";
import type { Emit } from "../../events.ts";
import type { HttpClient } from "../../fetch/client.ts";
import { redactUrl } from "../../fetch/redact.ts";
import { downloadRetries, type RetryPolicy, withRetries } from "../../fetch/retry.ts";
import { authorizationFrom } from "../../fetch/settings.ts";
import { parseChallenges } from "./challenge.ts";
import { type CredentialLookup, type RegistryCredentials, secretsOf } from "./credentials.ts";
import { formatScopes, joinScopes, parseScopes, type Scopes } from "./scope.ts";
import type { Token } from "./token.ts";

/** Who asks for what. `origin` is where the request goes, as `https://host`. */
export type AuthSubject = {
  readonly origin: string;
  readonly registry: string;
  readonly repository: string;
  readonly scopes: Scopes;
};

export type AuthorizerOptions = {
  /** For a token server, by its `host[:port]`. */
  readonly httpFor: (host: string) => HttpClient;
  readonly credentials: CredentialLookup;
  readonly retryPolicy: RetryPolicy;
  readonly emit: Emit;
  readonly signal: AbortSignal | undefined;
  /** Ms since 1970. */
  readonly now?: () => number;
};

/** What a registry said it wants; the same for all of its repositories. */
type Demand =
  | { readonly scheme: "basic" }
  | { readonly scheme: "bearer"; readonly realm: string; readonly service: string | undefined };
type Bearer = Demand & { readonly scheme: "bearer" };

/** A token is renewed so long before its end, or in the last quarter of a shorter life. */
const MARGIN_MS = 30_000;

/** Credentials and tokens of one session, in memory only. */
export class Authorizer {
  readonly #options: AuthorizerOptions;
  readonly #now: () => number;
  readonly #demands = new Map<string, Demand>();
  /** What a registry asked for by other names than ours, by place and repository: some rewrite paths. */
  readonly #asked = new Map<string, Scopes>();
  readonly #tokens = new Map<string, Promise<HeldToken | undefined>>();
  readonly #rotated = new Map<string, string>();
  readonly #secrets = new Set<string>();

  constructor(options: AuthorizerOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /**
   * The `Authorization` to send first; undefined before the registry has asked for one, or when there is none to give.
   * @throws CambiumError `CREDENTIALS_UNREADABLE`, `CREDENTIAL_HELPER_FAILED`, `TOKEN_INVALID`, `FETCH_…`.
   */
  async header(subject: AuthSubject): Promise<string | undefined> {
    const demand = this.#demands.get(subject.origin);
    return demand === undefined ? undefined : this.#headerFor(subject, demand);
  }

  /**
   * After a 401 to a request that had `sent`: another header that is worth a try, or undefined.
   * @throws as `header`; `TOKEN_INVALID` for a token server that credentials must not go to.
   */
  async renewed(
    subject: AuthSubject,
    challenge: string | undefined,
    sent: string | undefined,
  ): Promise<string | undefined> {
    const found = demandFrom(challenge ?? "", subject);
    if (found === undefined) return undefined;
    const { demand, scopes } = found;
    this.#demands.set(subject.origin, demand);
    this.#asked.set(placeKey(subject), joinScopes(this.#asked.get(placeKey(subject)) ?? new Map(), scopes));
    if (sent !== undefined) await this.#forget(sent);
    const header = await this.#headerFor(subject, demand);
    return header === sent ? undefined : header;
  }

  /** Where the credentials for a repository come from, for messages; undefined: there are none. */
  async provenance(subject: AuthSubject): Promise<string | undefined> {
    return (await this.#credentials(subject))?.from;
  }

  /** `text` without any secret that was sent in this session. */
  redact(text: string): string {
    let redacted = text;
    for (const secret of this.#secrets) redacted = redacted.replaceAll(secret, "****");
    return redacted;
  }

  async #headerFor(subject: AuthSubject, demand: Demand): Promise<string | undefined> {
    const credentials = await this.#credentials(subject);
    if (credentials?.kind === "registry-token") return authorizationFrom(credentials);
    if (demand.scheme === "basic")
      return credentials?.kind === "password" ? authorizationFrom(credentials) : undefined;
    const token = await this.#token(subject, demand, credentials);
    return token === undefined ? undefined : authorizationFrom({ token });
  }

  async #credentials({ registry, repository }: AuthSubject): Promise<RegistryCredentials | undefined> {
    const found = await this.#options.credentials(registry, repository);
    if (found !== undefined) this.#keepSecret(...secretsOf(found));
    return found;
  }

  async #token(
    subject: AuthSubject,
    demand: Bearer,
    credentials: RegistryCredentials | undefined,
  ): Promise<string | undefined> {
    const scopes = joinScopes(subject.scopes, this.#asked.get(placeKey(subject)) ?? new Map());
    const key = tokenKey(subject, demand, scopes);
    const current = this.#tokens.get(key);
    const held = await current;
    if (held !== undefined && this.#now() < held.renewAtMs) return held.token.value;
    // Whoever finds it stale first fetches for all.
    if (this.#tokens.get(key) === current)
      this.#tokens.set(key, this.#fetch(subject, demand, scopes, credentials, key));
    return (await this.#tokens.get(key))?.token.value;
  }

  async #fetch(
    subject: AuthSubject,
    demand: Bearer,
    scopes: Scopes,
    credentials: RegistryCredentials | undefined,
    key: string,
  ): Promise<HeldToken | undefined> {
    const { httpFor, retryPolicy, emit, signal } = this.#options;
    const { realm, service } = demand;
    const retried = downloadRetries(emit, redactUrl(realm), `token of ${subject.registry}`, signal);
    const request = {
      realm,
      service,
      scopes,
      credentials: this.#withRotation(credentials),
      registry: subject.registry,
    };
    try {
      // With the schema of its answers, which a build without a registry must not wait for.
      const { requestToken } = await import("./token.ts");
      const token = await withRetries(retryPolicy, retried, () =>
        requestToken(httpFor(new URL(realm).host), request, this.#now, signal),
      );
      if (token === undefined) {
        this.#tokens.delete(key);
        return undefined;
      }
      this.#keepSecret(token.value);
      if (token.refreshToken !== undefined && credentials?.kind === "identity-token") {
        this.#keepSecret(token.refreshToken);
        this.#rotated.set(credentials.token, token.refreshToken);
      }
      const lifeMs = token.expiresAtMs - this.#now();
      return { token, renewAtMs: token.expiresAtMs - Math.min(MARGIN_MS, lifeMs / 4) };
    } catch (error) {
      this.#tokens.delete(key);
      throw error;
    }
  }

  /** A server may answer an identity token with its successor. */
  #withRotation(credentials: RegistryCredentials | undefined): RegistryCredentials | undefined {
    if (credentials?.kind !== "identity-token") return credentials;
    return { ...credentials, token: this.#rotated.get(credentials.token) ?? credentials.token };
  }

  /** Drops the token that was refused, unless someone has renewed it since. */
  async #forget(sent: string): Promise<void> {
    for (const [key, promise] of this.#tokens) {
      const held = await promise;
      if (held !== undefined && authorizationFrom({ token: held.token.value }) === sent)
        this.#tokens.delete(key);
    }
  }

  #keepSecret(...secrets: readonly string[]): void {
    // Shorter words would blot out ordinary text.
    for (const secret of secrets) if (secret.length >= 4) this.#secrets.add(secret);
  }
}

type HeldToken = { readonly token: Token; readonly renewAtMs: number };

function placeKey({ origin, repository }: AuthSubject): string {
  return `${origin} ${repository}`;
}

function tokenKey({ registry, repository }: AuthSubject, demand: Bearer, scopes: Scopes): string {
  // Credentials may differ by repository.
  return JSON.stringify([demand.realm, demand.service, registry, repository, formatScopes(scopes)]);
}

/** The first challenge that we can meet, and the scopes it names. @throws CambiumError `TOKEN_INVALID`. */
function demandFrom(header: string, subject: AuthSubject): { demand: Demand; scopes: Scopes } | undefined {
  for (const { scheme, parameters } of parseChallenges(header)) {
    if (scheme === "basic") return { demand: { scheme }, scopes: new Map() };
    if (scheme !== "bearer" || parameters.realm === undefined) continue;
    const { realm, service, scope } = parameters;
    assertRealm(realm, subject);
    return {
      demand: { scheme, realm, service },
      scopes: scope === undefined ? new Map() : parseScopes(scope),
    };
  }
  return undefined;
}

/** A registry with TLS must not have credentials sent in the clear. */
function assertRealm(realm: string, { origin, registry }: AuthSubject): void {
  const url = URL.parse(realm);
  const isSafe = url?.protocol === "https:" || (url?.protocol === "http:" && origin.startsWith("http:"));
  if (isSafe && url.username === "" && url.password === "") return;
  throw new CambiumError("TOKEN_INVALID", `${registry}: refused its token server: ${redactUrl(realm)}`, {
    hint: "A registry with TLS must name a token server with TLS.",
  });
}
