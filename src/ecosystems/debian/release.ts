import { CambiumError, environmentError, messageOf } from "../../errors.ts";
import { type Digest, parseDigest } from "../../layer/digest.ts";
import { fieldOf, parseStanzas, type Stanza } from "./control.ts";

/** A file below the release's folder, as the signed index vouches for it. */
export type IndexFile = { readonly sha256: Digest; readonly sizeBytes: number };

/** A verified InRelease. `files` by path relative to its folder, such as `main/binary-amd64/Packages.xz`. */
export type Release = {
  readonly origin: string;
  readonly codename: string;
  readonly date: Date;
  readonly validUntil: Date | undefined;
  readonly hasByHash: boolean;
  readonly files: ReadonlyMap<string, IndexFile>;
};

/** Signatures and dates are judged with this much tolerance for clocks that are a little slow. */
const CLOCK_TOLERANCE_MS = 24 * 3_600_000;

/**
 * Verifies a clear-signed InRelease and reads it. Only the signed text counts; one good signature of `keys` (armored)
 * is enough, since a suite is signed by its own and its successor's keys.
 * @param codename what the file must call itself, such as `bookworm-security`
 * @throws CambiumError `RELEASE_SIGNATURE`, `RELEASE_EXPIRED`, `RELEASE_FUTURE`, `RELEASE_ORIGIN`, `RELEASE_SYNTAX`;
 *   `where` is its URL without credentials.
 * @see RepositoryFormat of the Debian wiki, "Release" files; RFC 9580 §7
 */
export async function verifyRelease(
  bytes: Uint8Array,
  keys: readonly string[],
  codename: string,
  now: Date,
  where: string,
): Promise<Release> {
  const text = await verifiedText(bytes, keys, now, where);
  const [stanza, ...more] = parseStanzas(text, where);
  if (stanza === undefined || more.length > 0) {
    throw new CambiumError("RELEASE_SYNTAX", `${where}: not one paragraph of fields`);
  }
  const origin = fieldOf(stanza, "Origin") ?? "";
  const found = fieldOf(stanza, "Codename") ?? "";
  if (origin !== "Debian" || found !== codename) {
    throw new CambiumError(
      "RELEASE_ORIGIN",
      `${where}: want Origin Debian and Codename ${codename}, got ${JSON.stringify(origin)} and ${JSON.stringify(found)}`,
      { hint: "Name a mirror of Debian: --debian-mirror URL" },
    );
  }
  const date = dateOf(stanza, "Date", where);
  if (date === undefined) throw new CambiumError("RELEASE_SYNTAX", `${where}: no Date`);
  if (date.getTime() > now.getTime() + CLOCK_TOLERANCE_MS) {
    throw environmentError(
      "RELEASE_FUTURE",
      `${where}: made at ${date.toISOString()}, but it is ${now.toISOString()} here`,
      "Set this machine's clock.",
    );
  }
  const validUntil = dateOf(stanza, "Valid-Until", where);
  if (validUntil !== undefined && validUntil.getTime() < now.getTime()) {
    throw environmentError(
      "RELEASE_EXPIRED",
      `${where}: valid until ${validUntil.toISOString()}, but it is ${now.toISOString()} here`,
      "The mirror is stale or replays an old index: use another one (--debian-mirror URL), or check the clock.",
    );
  }
  return {
    origin,
    codename: found,
    date,
    validUntil,
    hasByHash: fieldOf(stanza, "Acquire-By-Hash") === "yes",
    files: filesOf(fieldOf(stanza, "SHA256") ?? "", where),
  };
}

/** The signed text, free of armor and dash escapes. */
async function verifiedText(
  bytes: Uint8Array,
  keys: readonly string[],
  now: Date,
  where: string,
): Promise<string> {
  // 50 ms to load, which a build with a lock does not need.
  const openpgp = await import("openpgp");
  const failures: string[] = [];
  try {
    const message = await openpgp.readCleartextMessage({
      cleartextMessage: Buffer.from(bytes).toString("utf8"),
    });
    const verificationKeys = await Promise.all(keys.map((armoredKey) => openpgp.readKey({ armoredKey })));
    const date = new Date(now.getTime() + CLOCK_TOLERANCE_MS);
    const result = await openpgp.verify({ message, verificationKeys, date });
    for (const signature of result.signatures) {
      try {
        await signature.verified;
        return result.data;
      } catch (error) {
        failures.push(`${signature.keyID.toHex()}: ${messageOf(error)}`);
      }
    }
  } catch (error) {
    failures.push(messageOf(error));
  }
  throw new CambiumError(
    "RELEASE_SIGNATURE",
    `${where}: no good signature of a known key of Debian (${failures.join("; ") || "no signature at all"})`,
    {
      hint: "Someone changed the index, or this is no mirror of Debian: use another one (--debian-mirror URL).",
    },
  );
}

function dateOf(stanza: Stanza, field: string, where: string): Date | undefined {
  const text = fieldOf(stanza, field);
  if (text === undefined) return undefined;
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) {
    throw new CambiumError("RELEASE_SYNTAX", `${where}: ${field} is no date: ${JSON.stringify(text)}`);
  }
  return date;
}

function filesOf(field: string, where: string): Map<string, IndexFile> {
  const files = new Map<string, IndexFile>();
  for (const line of field.split("\n")) {
    const [hash, size, path, ...rest] = line.trim().split(/\s+/);
    if (hash === "" || hash === undefined) continue;
    if (path === undefined || rest.length > 0 || size === undefined || !/^\d{1,15}$/.test(size)) {
      throw new CambiumError("RELEASE_SYNTAX", `${where}: not a line of SHA256: ${JSON.stringify(line)}`);
    }
    files.set(path, { sha256: parseDigest(`sha256:${hash}`, where), sizeBytes: Number(size) });
  }
  return files;
}
