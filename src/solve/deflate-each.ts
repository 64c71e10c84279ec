import type { WorkerPool } from "./worker-pool.ts";

/** The pinned compressor on whatever core is free: raw deflate of each. */
export async function deflateEach(
  pool: WorkerPool,
  contents: readonly Uint8Array[],
): Promise<readonly Uint8Array[]> {
  const weight = contents.reduce((sum, bytes) => sum + bytes.length, 0);
  const { deflated } = await pool.run({ kind: "deflate", contents }, weight);
  if (deflated === undefined) throw new TypeError("nothing was compressed");
  return deflated;
}
