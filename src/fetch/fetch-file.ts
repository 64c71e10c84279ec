import { rmSync } from "node:fs";
import { CambiumError } from "../errors.ts";
import type { Digest } from "../layer/digest.ts";
import type { Store } from "../store/store.ts";
import { type HttpClient, lengthFrom } from "./client.ts";
import { MAX_UNDECLARED_BYTES } from "./download.ts";
import { failureFromStatus, interrupted } from "./failure.ts";
import { redactUrl } from "./redact.ts";
import { downloadRetries, withRetries } from "./retry.ts";
import { Spool } from "./spool.ts";

/** What a URL gave, and what its server wants to be asked with the next time (RFC 9110 §8.8). */
export type FetchedFile = {
  readonly digest: Digest;
  readonly etag?: string;
  readonly lastModified?: string;
};

/**
 * Brings a file of unknown content into the store. `before` is what the same URL gave once and the store still has: the
 * server is asked whether it changed.
 * @throws CambiumError as `downloadBlob`, but for those about a digest.
 */
export async function fetchFile(
  store: Store,
  client: HttpClient,
  want: { readonly url: string; readonly name: string; readonly before?: FetchedFile },
  signal?: AbortSignal,
): Promise<FetchedFile> {
  const { url, name } = want;
  const subject = downloadRetries(client.emit, redactUrl(url), name, signal);
  return client.gate(() =>
    withRetries(client.retryPolicy, subject, () => attempt(store, client, want, signal)),
  );
}

async function attempt(
  store: Store,
  client: HttpClient,
  { url, name, before }: Parameters<typeof fetchFile>[2],
  signal: AbortSignal | undefined,
): Promise<FetchedFile> {
  const headers: Record<string, string> = { "accept-encoding": "identity" };
  if (before?.etag !== undefined) headers["if-none-match"] = before.etag;
  else if (before?.lastModified !== undefined) headers["if-modified-since"] = before.lastModified;
  const answer = await client.request(url, { name, headers, signal });
  if (answer.status === 304 && before !== undefined) {
    await answer.discard();
    return before;
  }
  if (answer.status !== 200) {
    await answer.discard();
    throw failureFromStatus(name, answer, Date.now());
  }
  const expected = lengthFrom(answer.headers);
  const id = redactUrl(url);
  const sizeBytes = expected === undefined ? {} : { sizeBytes: expected };
  client.emit({ type: "download-started", id, name, ...sizeBytes });
  const path = store.blobs.temporary();
  const spool = await Spool.create(path);
  let isOpen = true;
  try {
    for await (const chunk of answer.body) {
      if (spool.size + chunk.byteLength > MAX_UNDECLARED_BYTES) throw tooLong(name, url);
      const full = spool.add(chunk);
      if (full !== undefined) await full;
      signal?.throwIfAborted();
    }
    if (expected !== undefined && spool.size !== expected) {
      throw interrupted(name, url, `got ${spool.size} of ${expected} bytes`);
    }
    const digest = await spool.finish();
    isOpen = false;
    store.blobs.adopt(path, digest);
    client.emit({ type: "download-done", id, receivedBytes: spool.size });
    const { etag, "last-modified": lastModified } = answer.headers;
    return {
      digest,
      ...(etag !== undefined && { etag }),
      ...(lastModified !== undefined && { lastModified }),
    };
  } finally {
    if (isOpen) await spool.abandon();
    rmSync(path, { force: true });
  }
}

function tooLong(name: string, url: string): CambiumError {
  return new CambiumError(
    "SIZE_INVALID",
    `${name}: more than ${MAX_UNDECLARED_BYTES} bytes: ${redactUrl(url)}`,
    { hint: "Check the address: a server could send without end." },
  );
}
