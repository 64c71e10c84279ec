import { createHash } from "node:crypto";
import { existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { xz } from "@napi-rs/lzma";
import { root } from "../../scripts/paths.ts";
import { runProcess } from "../../scripts/process.ts";
import { resolveMirrors } from "../../src/ecosystems/debian/mirror.ts";
import { createHttpClient } from "../../src/fetch/client.ts";

/** The upstream archive of one of Debian's source packages. */
export type DebianSource = {
  /** In the pool. */
  readonly path: string;
  /** Hex. */
  readonly sha256: string;
};

export const LUA: DebianSource = {
  path: "pool/main/l/lua5.4/lua5.4_5.4.4.orig.tar.gz",
  sha256: "164c7849653b80ae67bec4b7473b884bf5cc8d2dca05653475ec2ed27b9ebf61",
};
export const GIT: DebianSource = {
  path: "pool/main/g/git/git_2.39.5.orig.tar.xz",
  sha256: "c58da92c378df4a986ca33266897a7397e86c22ee266a284d8c2432c39066b59",
};

/** Where downloads of one machine stay. */
const DOWNLOADS = join(root, ".cache", "sources");
const MAX_BYTES = 32 << 20;

/** Unpacks a source into a folder that is new, from the mirror that the machine's apt uses. @throws Error */
export async function unpackSource(source: DebianSource, folder: string): Promise<void> {
  const tar = await fetched(source);
  mkdirSync(folder, { recursive: true });
  await runProcess("tar", ["--extract", "--file", tar, "--directory", folder, "--strip-components=1"]);
}

async function fetched({ path, sha256 }: DebianSource): Promise<string> {
  const tar = join(DOWNLOADS, `${sha256}.tar`);
  if (existsSync(tar)) return tar;
  mkdirSync(DOWNLOADS, { recursive: true });
  const client = createHttpClient({ env: process.env }, () => undefined);
  try {
    for (const mirror of resolveMirrors({}).debian) {
      const options = { name: basename(path), maxBytes: MAX_BYTES, allow404: true };
      const { status, bytes } = await client.document(`${mirror}/${path}`, options);
      if (status !== 200) continue;
      const found = createHash("sha256").update(bytes).digest("hex");
      if (found !== sha256) throw new Error(`${path}: ${found} instead of ${sha256}`);
      writeFileSync(`${tar}.part`, path.endsWith(".xz") ? xz.decompressSync(bytes) : gunzipSync(bytes));
      renameSync(`${tar}.part`, tar);
      return tar;
    }
  } finally {
    await client.close();
  }
  throw new Error(`no mirror has ${path}`);
}
