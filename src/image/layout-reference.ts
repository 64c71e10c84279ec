import { usageError } from "../errors.ts";
import { type Digest, parseDigest } from "../layer/digest.ts";

/** An image of an image layout folder; without tag and digest it must be the only one there. */
export type LayoutReference = { readonly folder: string; readonly tag?: string; readonly digest?: Digest };

const SCHEME = "oci-layout://";
/** A tag as distribution-spec has it, so that a path may have a colon before its last slash. */
const NAMED = /^(.*?)(?:@([^@/]+)|:([a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}))?$/;

/**
 * `oci-layout://FOLDER[:TAG|@DIGEST]`; undefined for whatever begins otherwise.
 * @throws CambiumError `REFERENCE_SYNTAX`, `DIGEST_SYNTAX`.
 */
export function parseLayoutReference(text: string): LayoutReference | undefined {
  if (!text.startsWith(SCHEME)) return undefined;
  const [, folder = "", digest, tag] = NAMED.exec(text.slice(SCHEME.length)) ?? [];
  if (folder === "") {
    throw usageError(
      "REFERENCE_SYNTAX",
      `no folder in ${JSON.stringify(text)}`,
      "Write oci-layout://FOLDER, with :TAG or @DIGEST where it has several images.",
    );
  }
  return {
    folder,
    ...(digest !== undefined && { digest: parseDigest(digest, text) }),
    ...(tag !== undefined && { tag }),
  };
}
