import { SHIPPED_VERSION, type ShippedDeb, unpackShipped } from "../ecosystems/debian/shipped.ts";
import type { Digest } from "../layer/digest.ts";
import type { Records } from "../store/records.ts";

const KIND = "deb-shipped";

/**
 * Keeps what `packShipped` made of a .deb. A record and no blob: a hundred small files would be synced one by one, and
 * this outlives the .deb, which a prune takes first.
 */
export function rememberShipped(records: Records, archive: Digest, packed: string): void {
  records.put(KIND, keyOf(archive), packed);
}

export function knownShipped(records: Records, archive: Digest): ShippedDeb | undefined {
  return unpackShipped(records.get(KIND, keyOf(archive)));
}

function keyOf(archive: Digest): string {
  return `${SHIPPED_VERSION} ${archive}`;
}
