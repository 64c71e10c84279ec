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
const LINE_END = 0x0a;

/** One line of JSON, and the paths as find(1) writes them, by zstd. */
export function encodeMountState({ chain, createdMs, paths }: MountState): Uint8Array {
  const head = Buffer.from(`${JSON.stringify({ version: VERSION, chain, createdMs })}\n`);
  return Buffer.concat([head, zstdCompressSync(formatFoundPaths(paths))]);
}

/** Undefined for what is damaged or of another version: then the next snapshot is a whole one. */
export function decodeMountState(bytes: Buffer): MountState | undefined {
  const head = decodeMountChain(bytes);
  if (head === undefined) return undefined;
  try {
    const paths = parseFoundPaths(zstdDecompressSync(bytes.subarray(bytes.indexOf(LINE_END) + 1)));
    return paths && { ...head, paths };
  } catch {
    return undefined;
  }
}

/** The part that costs nothing to read. */
export function decodeMountChain(bytes: Buffer): Omit<MountState, "paths"> | undefined {
  try {
    const { version, chain, createdMs } = JSON.parse(bytes.toString("utf8", 0, bytes.indexOf(LINE_END)));
    return version === VERSION && Array.isArray(chain) ? { chain, createdMs } : undefined;
  } catch {
    return undefined;
  }
}
