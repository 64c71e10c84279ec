import { createCipheriv, createHash } from "node:crypto";
import {
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { run } from "./command.ts";
import { benchCache, emptyFolder } from "./folders.ts";
import { python } from "./python.ts";
import type { LocalWheel } from "./wheel-sets.ts";

const SIZE = 1_000_000_000;
const CHUNK = 1 << 22;
const filename = "incompressible-1.0-py3-none-any.whl";

/** A wheel of 1 GB with one deflated member that does not compress: the same bytes each time, made once. */
export async function incompressibleWheel(): Promise<LocalWheel> {
  const folder = join(benchCache, "incompressible");
  const path = join(folder, filename);
  if (!existsSync(path)) await make(folder, path);
  const hash = createHash("sha256");
  await pipeline(createReadStream(path, { highWaterMark: CHUNK }), async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) hash.update(chunk);
  });
  return { filename, path, sizeBytes: statSync(path).size, sha256: hash.digest("hex") };
}

async function make(folder: string, path: string): Promise<void> {
  console.error(`making ${filename} (once)`);
  mkdirSync(folder, { recursive: true });
  const tree = emptyFolder(join(folder, "tree"));
  const info = "incompressible-1.0.dist-info";
  mkdirSync(join(tree, "incompressible"));
  mkdirSync(join(tree, info));
  await pipeline(keystream(), createWriteStream(join(tree, "incompressible", "weights.bin")));
  const wheel = "Wheel-Version: 1.0\nGenerator: bench\nRoot-Is-Purelib: true\nTag: py3-none-any\n";
  writeFileSync(join(tree, info, "WHEEL"), wheel);
  writeFileSync(join(tree, info, "METADATA"), "Metadata-Version: 2.1\nName: incompressible\nVersion: 1.0\n");
  writeFileSync(join(tree, info, "RECORD"), "");
  const { executable } = await python();
  // zipfile deflates, as every tool that builds wheels does.
  const args = ["-m", "zipfile", "-c", `${path}.tmp`, "incompressible", info];
  await run(executable, args, { env: process.env, cwd: tree });
  renameSync(`${path}.tmp`, path);
  rmSync(tree, { recursive: true });
}

/** AES in counter mode over zeros: random to a compressor, and the same on every machine. */
function* keystream(): Generator<Buffer> {
  const cipher = createCipheriv("aes-128-ctr", Buffer.alloc(16, 7), Buffer.alloc(16));
  const zeros = Buffer.alloc(CHUNK);
  for (let left = SIZE; left > 0; left -= CHUNK)
    yield cipher.update(zeros.subarray(0, Math.min(CHUNK, left)));
}
