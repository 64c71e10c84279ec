import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import type { LayerRecord } from "../layer/layer.ts";
import { type FoundPath, formatFoundPaths, parseFoundPaths } from "./found-paths.ts";

/** A layer of a mount's snapshot, with the bytes of its tar. */
export type ChainLayer = LayerRecord & { readonly tarBytes: number };

/**
 * What a mount looked like when it was snapshotted or restored last, and the layers, bottom up, that give just that. None
 * for a mount that was empty.
 */
export type MountState = {
  readonly chain: readonly ChainLayer[];
  /** When the chain became what it is: milliseconds since the epoch. */
  readonly createdMs: number;
  readonly paths: readonly FoundPath[];
};

const VERSION = 1;

/** zstd of one line of JSON, and the paths as find(1) writes them. */
export function encodeMountState({ chain, createdMs, paths }: MountState): Uint8Array {
  const head = Buffer.from(`${JSON.stringify({ version: VERSION, chain, createdMs })}\n`);
  return zstdCompressSync(Buffer.concat([head, formatFoundPaths(paths)]));
}

/** Undefined for what is damaged or of another version: then the next snapshot is a whole one. */
export function decodeMountState(bytes: Uint8Array): MountState | undefined {
  try {
    const whole = zstdDecompressSync(bytes);
    const end = whole.indexOf(0x0a);
    const { version, chain, createdMs } = JSON.parse(whole.toString("utf8", 0, end));
    const paths = parseFoundPaths(whole.subarray(end + 1));
    if (version !== VERSION || !Array.isArray(chain) || paths === undefined) return undefined;
    return { chain, createdMs, paths };
  } catch {
    return undefined;
  }
}
