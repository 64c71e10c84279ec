import { CambiumError } from "../errors.ts";
import { type Descriptor, Hasher } from "../layer/digest.ts";

/**
 * Passes `source` on unchanged and holds it to `want`, never reading past its size. Memory: one chunk.
 * The digest is judged after the last chunk, so publish nothing before the iteration ends.
 * @throws CambiumError `SIZE_INVALID` at the first byte too many or at a short end; `DIGEST_INVALID` at the end
 *   (distribution-spec, error codes).
 */
export async function* verified(
  source: AsyncIterable<Uint8Array>,
  want: Pick<Descriptor, "digest" | "size">,
  where: string,
): AsyncGenerator<Uint8Array> {
  const hasher = new Hasher();
  let size = 0;
  for await (const chunk of source) {
    size += chunk.byteLength;
    if (size > want.size) break;
    hasher.update(chunk);
    yield chunk;
  }
  if (size !== want.size) {
    const got = size > want.size ? `more than ${want.size}` : `${size} of ${want.size}`;
    throw new CambiumError("SIZE_INVALID", `${where}: got ${got} bytes`, { hint: DAMAGED });
  }
  const digest = hasher.digest();
  if (digest !== want.digest) {
    throw new CambiumError("DIGEST_INVALID", `${where}: want ${want.digest}, got ${digest}`, {
      hint: DAMAGED,
    });
  }
}

const DAMAGED = "The content is damaged or was changed; fetch or build it again.";
