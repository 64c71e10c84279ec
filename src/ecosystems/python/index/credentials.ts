/** What a server wants to know. A token alone stands as the user name or the password, as the index says. */
export type Credentials = { readonly username: string; readonly password: string };

/** Credentials that someone wrote for `url` (free of credentials itself) and what lies on the same server. */
export type UrlCredentials = Credentials & { readonly url: string };

/** One entry of a `.netrc`; without `machine` it is the default for every host. */
export type NetrcEntry = Credentials & { readonly machine?: string };

/** Asks a keyring for one host; the answer comes from a subprocess, so it is asked before it is needed. */
export type KeyringLookup = (url: string, username: string | undefined) => Promise<Credentials | undefined>;

/** Where credentials come from. Lives in memory only: nothing in here may be written, logged or hashed. */
export type CredentialSources = {
  readonly urls: readonly UrlCredentials[];
  readonly netrc: readonly NetrcEntry[];
  readonly keyring?: KeyringLookup;
};

/** Answers for downloads, and keeps secrets out of texts. */
export type CredentialBook = {
  /** Synchronous, for request headers; what a keyring knows counts once `prepare` was told about the server. */
  credentialsFor(url: string | URL): Credentials | undefined;
  /** Asks the keyring, if one is in use, once for each server that no other source knows. */
  prepare(urls: readonly string[]): Promise<void>;
  /** `text` with every known password and every userinfo in a URL replaced by `****`. */
  redact(text: string): string;
};

/** The sources in pip's order: the URL itself, then `.netrc`, then the keyring. */
export function createCredentialBook(sources: CredentialSources): CredentialBook {
  const fromKeyring = new Map<string, Credentials>();
  const asked = new Set<string>();
  const known = (url: URL) => byUrl(sources.urls, url) ?? byMachine(sources.netrc, url.hostname);
  return {
    credentialsFor(text) {
      const url = webUrl(text);
      if (url === undefined) return undefined;
      const found = inUrl(url) ?? known(url);
      // A user name alone may be what the keyring was asked with.
      if (found !== undefined && found.password !== "") return found;
      return fromKeyring.get(url.origin) ?? found;
    },
    async prepare(urls) {
      const { keyring } = sources;
      if (keyring === undefined) return;
      await Promise.all(
        urls.map(async (text) => {
          const url = webUrl(text);
          if (url === undefined || asked.has(url.origin)) return;
          const found = known(url);
          if (found !== undefined && found.password !== "") return;
          asked.add(url.origin);
          const answer = await keyring(text, found?.username);
          if (answer !== undefined) fromKeyring.set(url.origin, answer);
        }),
      );
    },
    redact(text) {
      return redactSecrets(text, [...sources.urls, ...sources.netrc, ...fromKeyring.values()]);
    },
  };
}

/** The URL without user name and password; anything that is no URL comes back as it is. */
export function stripCredentials(url: string): string {
  return url.replace(USERINFO, "$1");
}

/** Takes the credentials out of a URL. Percent-encoding in them is undone, as for a request header. */
export function splitCredentials(url: string): { url: string; credentials?: UrlCredentials } {
  const stripped = stripCredentials(url);
  if (stripped === url) return { url };
  const [, , userinfo] = USERINFO.exec(url) as RegExpExecArray;
  const colon = userinfo!.indexOf(":");
  const username = percentDecoded(colon < 0 ? userinfo! : userinfo!.slice(0, colon));
  const password = colon < 0 ? "" : percentDecoded(userinfo!.slice(colon + 1));
  return { url: stripped, credentials: { url: stripped, username, password } };
}

/** Puts credentials into a URL, for a pipe or an environment variable; never for a file or an argument. */
export function withCredentials(url: string, credentials: Credentials): string {
  const { username, password } = credentials;
  const userinfo = `${encodeURIComponent(username)}${password === "" ? "" : `:${encodeURIComponent(password)}`}`;
  return stripCredentials(url).replace("://", () => `://${userinfo}@`);
}

/**
 * Reads a `.netrc`: `machine`, `default`, `login`, `password`, `account`, and `macdef` up to its empty line.
 * Entries without a login or password are left out. What cannot be read is passed over, as pip does: the file belongs
 * to many programs.
 */
export function parseNetrc(text: string): NetrcEntry[] {
  const entries: { machine?: string; username: string; password: string }[] = [];
  const tokens = netrcTokens(text);
  for (let index = 0; index < tokens.length; index += 1) {
    const token = tokens[index]!;
    if (token === "default") entries.push({ username: "", password: "" });
    else if (token === "machine")
      entries.push({ machine: tokens[++index] ?? "", username: "", password: "" });
    else if (token === "login" || token === "user") setIn(entries.at(-1), "username", tokens[++index]);
    else if (token === "password") setIn(entries.at(-1), "password", tokens[++index]);
    else if (token === "account") index += 1;
  }
  return entries.filter((entry) => entry.username !== "" || entry.password !== "");
}

// RFC 3986 §3.2.1: userinfo ends at the last "@" before the path; greedy, since people leave "@" in passwords unencoded.
const USERINFO = /^([a-z][a-z0-9+.-]*:\/\/)([^/?#\s]*)@/i;
const USERINFO_ANYWHERE = /([a-z][a-z0-9+.-]*:\/\/)([^/?#\s"'<>]*)@/gi;

function redactSecrets(text: string, secrets: readonly Credentials[]): string {
  let redacted = text.replace(USERINFO_ANYWHERE, "$1****@");
  for (const { username, password } of secrets) {
    // A token may stand alone as the user name. Shorter words would blot out ordinary text.
    for (const secret of password === "" ? [username] : [password]) {
      if (secret.length < 4) continue;
      redacted = redacted.replaceAll(secret, "****").replaceAll(encodeURIComponent(secret), "****");
    }
  }
  return redacted;
}

function webUrl(text: string | URL): URL | undefined {
  const url = URL.parse(String(text));
  return url !== null && /^https?:$/.test(url.protocol) ? url : undefined;
}

function inUrl(url: URL): Credentials | undefined {
  if (url.username === "" && url.password === "") return undefined;
  return { username: percentDecoded(url.username), password: percentDecoded(url.password) };
}

/** The longest path that contains `url`; else any of the same origin, since an index and its files differ in path. */
function byUrl(entries: readonly UrlCredentials[], url: URL): Credentials | undefined {
  let best: { entry: UrlCredentials; length: number } | undefined;
  for (const entry of entries) {
    const other = URL.parse(entry.url);
    if (other === null || other.origin !== url.origin) continue;
    const length = isBelow(url.pathname, other.pathname) ? other.pathname.length : 0;
    if (best === undefined || length > best.length) best = { entry, length };
  }
  return best === undefined ? undefined : { username: best.entry.username, password: best.entry.password };
}

function isBelow(path: string, parent: string): boolean {
  return path === parent || path.startsWith(parent.endsWith("/") ? parent : `${parent}/`);
}

function byMachine(entries: readonly NetrcEntry[], host: string): Credentials | undefined {
  const entry =
    entries.find(({ machine }) => machine?.toLowerCase() === host) ??
    entries.find(({ machine }) => machine === undefined);
  return entry === undefined ? undefined : { username: entry.username, password: entry.password };
}

function setIn<K extends string>(
  entry: Record<K, string> | undefined,
  key: K,
  value: string | undefined,
): void {
  if (entry !== undefined && value !== undefined) entry[key] = value;
}

/** Words, with double quotes and backslashes undone; `#` starts a comment only where a word would start. */
function netrcTokens(text: string): string[] {
  const tokens: string[] = [];
  let isMacro = false;
  for (const line of text.split(/\r?\n/)) {
    if (line.trim() === "") isMacro = false;
    if (isMacro) continue;
    for (const [word] of line.matchAll(/"(?:[^"\\]|\\.)*"|(?:[^\s"\\]|\\.)(?:[^\s\\]|\\.)*/g)) {
      const previous = tokens.at(-1);
      if (word.startsWith("#") && previous !== "password" && previous !== "login") break;
      if (word === "macdef" && previous !== "password" && previous !== "login") {
        isMacro = true;
        break;
      }
      tokens.push((word.startsWith('"') ? word.slice(1, -1) : word).replace(/\\(.)/g, "$1"));
    }
  }
  return tokens;
}

function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
