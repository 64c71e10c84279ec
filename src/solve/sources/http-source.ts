import type { ContentSource } from "../../context/content-source.ts";
import { downloadBlob } from "../../fetch/download.ts";
import { type FetchedFile, fetchFile } from "../../fetch/fetch-file.ts";
import { redactUrl } from "../../fetch/redact.ts";
import type { CopySourceOp } from "../../graph/stages.ts";
import { type Digest, digestOf, parseDigest } from "../../layer/digest.ts";
import type { Workbench } from "../workbench.ts";
import { blobSource } from "./made-sources.ts";

type Bench = Pick<Workbench, "store" | "client" | "lease" | "signal">;

/**
 * What a URL gives, as one file. With a checksum the store is asked first, so that the origin may be gone; without one
 * the server is asked each time whether it changed.
 * @throws CambiumError `DIGEST_SYNTAX`, and as `downloadBlob` and `fetchFile`.
 */
export async function httpSource(
  { url, checksum, name: wanted }: Extract<CopySourceOp, { kind: "http" }>,
  bench: Bench,
): Promise<ContentSource> {
  const { store, client, lease, signal } = bench;
  const name = wanted ?? fileNameOf(url);
  const where = redactUrl(url);
  if (checksum !== undefined) {
    const digest = parseDigest(checksum, `checksum of ${where}`);
    lease.protect([digest]);
    await downloadBlob(store, client, { urls: [url], digest, name }, signal);
    return blobSource(name, digest, where, store);
  }
  return blobSource(name, await fetchedDigest(url, name, bench), where, store);
}

/**
 * What a URL gives now, brought into the store; its server is asked whether it changed since the last time.
 * @throws CambiumError as `fetchFile`.
 */
export async function fetchedDigest(url: string, name: string, bench: Bench): Promise<Digest> {
  const { store, client, lease, signal } = bench;
  // Not the URL itself, which may hold a token.
  const key = digestOf(url);
  const known = store.records.get("http", key) as FetchedFile | undefined;
  const before = known !== undefined && store.blobs.has(known.digest) ? { before: known } : {};
  const fetched = await fetchFile(store, client, { url, name, ...before }, signal);
  lease.protect([fetched.digest]);
  if (fetched !== known) store.records.put("http", key, fetched);
  return fetched.digest;
}

/** The last part of the URL's path, as BuildKit has it; what a server suggests as a name does not count. */
export function fileNameOf(url: string): string {
  const { pathname } = new URL(url);
  let path = pathname;
  try {
    path = decodeURIComponent(pathname);
  } catch {
    // A stray % stands for itself.
  }
  const name =
    path
      .split("/")
      .findLast((part) => part !== "")
      ?.trim() ?? "";
  if (name === "" || name === ".") return "__unnamed__";
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be in a name.
  return name === ".." || /[\u0000-\u001f\u007f-\u009f]/.test(name) ? "download" : name;
}
