import type { DebianTools } from "../ecosystems/debian/indices.ts";
import type { Workbench } from "./workbench.ts";

/** An index's text is about five times as large, and xz takes five times as long as inflating. */
const WEIGHT_OF_XZ = 25;

/** What resolving Debian packages works with; indices are read by the pool's threads. */
export function debianTools({ client, store, emit, pool }: Workbench): DebianTools {
  return {
    client,
    store,
    emit,
    async putIndex(packed, where) {
      const job = { kind: "debian-index", packed, where } as const;
      const { blob } = await pool.run(job, WEIGHT_OF_XZ * packed.length);
      if (blob === undefined) throw new TypeError(`reading ${where} gave no index`);
      return blob;
    },
  };
}
