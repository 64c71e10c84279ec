export type Credentials =
  | { readonly username: string; readonly password: string }
  | { readonly token: string };

export type HttpSettings = {
  /** For HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY (either case), SSL_CERT_FILE, NODE_EXTRA_CA_CERTS. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Downloads at once, and connections per origin. Default 8. */
  readonly maxConcurrent?: number;
  /** Further attempts after a failure that may pass. Default 5. */
  readonly retries?: number;
  /** No byte for so long means that the connection is broken. Default 30,000. */
  readonly idleTimeoutMs?: number;
  /** The first wait before another attempt; each further one is twice as long. Default 500. */
  readonly backoffMs?: number;
  /** Asked for each URL, also after a redirect: must answer by its host. A user name in a URL goes before. */
  readonly credentials?: (url: URL) => Credentials | undefined;
  readonly userAgent?: string;
  /** For servers that the user named as insecure: TLS without a look at the certificate. */
  readonly acceptsAnyCertificate?: boolean;
};

/** The value of an `Authorization` header. (RFC 7617, RFC 6750) */
export function authorizationFrom(credentials: Credentials): string {
  if ("token" in credentials) return `Bearer ${credentials.token}`;
  const pair = `${credentials.username}:${credentials.password}`;
  return `Basic ${Buffer.from(pair, "utf8").toString("base64")}`;
}

/** What the user name and password of a URL say, if anything. */
export function credentialsIn(url: URL): Credentials | undefined {
  if (url.username === "" && url.password === "") return undefined;
  return { username: decoded(url.username), password: decoded(url.password) };
}

/** A lone % is taken as it stands. */
function decoded(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (run) =>
    Buffer.from(run.replaceAll("%", ""), "hex").toString("utf8"),
  );
}
