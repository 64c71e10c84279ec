import { createHash } from "node:crypto";
import { CambiumError } from "../errors.ts";

declare const brand: unique symbol;
type Brand<Name extends string> = string & { readonly [brand]: Name };

/** `sha256:` and 64 hex digits, of bytes as stored and sent. Only this file makes one. (image-spec, descriptor.md) */
export type Digest = Brand<"Digest">;
/** Digest of the uncompressed tar of a layer; a brand of its own, since mixing the two up would type-check. */
export type DiffId = Brand<"DiffId">;

/** Some content by its digest. `size` is in bytes and exact. (image-spec, descriptor.md) */
export type Descriptor = {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
};

export function isDigest(text: string): text is Digest {
  return /^sha256:[0-9a-f]{64}$/.test(text);
}

/** @throws CambiumError `DIGEST_SYNTAX`; `where` says who wrote it (file, URL, flag). */
export function parseDigest(text: string, where: string): Digest {
  if (isDigest(text)) return text;
  throw new CambiumError("DIGEST_SYNTAX", `${where}: not a digest: ${JSON.stringify(text)}`, {
    hint: "Write sha256: and 64 lower-case hex digits.",
  });
}

/** @throws CambiumError `DIGEST_SYNTAX`. */
export function parseDiffId(text: string, where: string): DiffId {
  return parseDigest(text, where) as string as DiffId;
}

/** The 64 hex digits of a digest or diff id. */
export function hexOf(digest: Digest | DiffId): string {
  return digest.slice(7);
}

/** Digest of bytes in memory; a string counts as its UTF-8. */
export function digestOf(bytes: Uint8Array | string): Digest {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}` as Digest;
}

/** A running sha256. */
export class Hasher {
  readonly #hash = createHash("sha256");

  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  /** Ends the hash: call once, here or `diffId`. */
  digest(): Digest {
    return `sha256:${this.#hash.digest("hex")}` as Digest;
  }

  diffId(): DiffId {
    return this.digest() as string as DiffId;
  }
}
