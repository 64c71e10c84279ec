import { rmSync } from "node:fs";
import { CambiumError } from "../errors.ts";
import type { Digest } from "../layer/digest.ts";
import type { Store } from "../store/store.ts";
import { type HttpClient, lengthFrom, type Response } from "./client.ts";
import { failureFromStatus, interrupted } from "./failure.ts";
import { spoolFile } from "./local-file.ts";
import { redactUrl } from "./redact.ts";
import { downloadRetries, withRetries } from "./retry.ts";
import { Spool } from "./spool.ts";

/** `urls` are tried in turn (http, https, file). `name` is for people: the file's name. */
export type WantedBlob = {
  readonly urls: readonly string[];
  readonly digest: Digest;
  readonly sizeBytes?: number | undefined;
  readonly name: string;
};

/** Without a declared size a server could fill the disk; no wheel or .deb comes near. */
export const MAX_UNDECLARED_BYTES = 16 * 2 ** 30;
const PROGRESS_INTERVAL_MS = 100;

/**
 * Brings a blob into the store, once: whoever else wants it, here or in another process, waits for the first.
 * Bytes get their name in the store only after size and digest are right.
 * @throws CambiumError `DIGEST_INVALID` (after a second attempt), `SIZE_INVALID`, `FETCH_NOT_FOUND`,
 * `FETCH_UNAUTHORIZED`, `FETCH_FAILED`, `FETCH_INTERRUPTED`, `FETCH_UNREACHABLE`, `FETCH_REDIRECT`,
 * `URL_UNSUPPORTED`, `DISK_FULL`, `STORE_UNWRITABLE`; the signal's reason. The store is as before then.
 */
export async function downloadBlob(
  store: Store,
  client: HttpClient,
  want: WantedBlob,
  signal?: AbortSignal,
): Promise<"present" | "downloaded"> {
  if (store.blobs.has(want.digest)) return "present";
  // The gate first: a thousand waiting locks would be a thousand open files.
  return client.gate(async () => {
    signal?.throwIfAborted();
    const once = async () => {
      if (store.blobs.has(want.digest)) return "present";
      await fromAnywhere(store, client, want, signal);
      return "downloaded";
    };
    return store.exclusive(`blob ${want.digest}`, once, { signal });
  });
}

async function fromAnywhere(
  store: Store,
  client: HttpClient,
  want: WantedBlob,
  signal: AbortSignal | undefined,
): Promise<void> {
  const errors: CambiumError[] = [];
  const { digest: id, name, sizeBytes } = want;
  client.emit({ type: "download-started", id, name, ...(sizeBytes === undefined ? {} : { sizeBytes }) });
  for (const url of want.urls) {
    try {
      const receivedBytes = await fromUrl(store, client, want, url, signal);
      client.emit({ type: "download-done", id, receivedBytes });
      return;
    } catch (error) {
      if (!(error instanceof CambiumError) || /^(DISK|STORE)_/.test(error.code)) throw error;
      errors.push(error);
    }
  }
  // "Not there" and "unreachable" of one mirror say less than what another one did wrong.
  const telling = errors.find((error) => !/^FETCH_(NOT_FOUND|UNREACHABLE)$/.test(error.code)) ?? errors[0];
  throw telling ?? new CambiumError("FETCH_NOT_FOUND", `${name}: no address is known for ${want.digest}`);
}

async function fromUrl(
  store: Store,
  client: HttpClient,
  want: WantedBlob,
  url: string,
  signal: AbortSignal | undefined,
): Promise<number> {
  for (let attempt = 0; ; attempt++) {
    const path = store.blobs.temporary();
    try {
      const { digest, size } = await spooled(path, client, want, url, signal);
      if (digest === want.digest) {
        store.blobs.adopt(path, digest);
        return size;
      }
      const where = redactUrl(url);
      const message = `${want.name}: want ${want.digest}, got ${digest} (${size} bytes): ${where}`;
      if (attempt === 1 || url.startsWith("file:")) throw digestInvalid(message);
      const reason = "wrong digest";
      client.emit({ type: "download-retry", id: want.digest, name: want.name, reason, waitMs: 0 });
    } finally {
      rmSync(path, { force: true });
    }
  }
}

async function spooled(
  path: string,
  client: HttpClient,
  want: WantedBlob,
  url: string,
  signal: AbortSignal | undefined,
): Promise<{ digest: Digest; size: number }> {
  const spool = await Spool.create(path);
  let isOpen = true;
  try {
    if (url.startsWith("file:")) {
      await spoolFile(spool, url, want, signal);
    } else {
      const transfer = { client, want, url, signal, spool, tell: progress(client, want.digest) };
      const subject = downloadRetries(client.emit, want.digest, want.name, signal);
      const state: Validator = {};
      await withRetries(
        client.retryPolicy,
        subject,
        () => receive(transfer, state),
        () => spool.size,
      );
    }
    const { size } = spool;
    const digest = await spool.finish();
    isOpen = false;
    return { digest, size };
  } finally {
    if (isOpen) await spool.abandon();
  }
}

type Transfer = {
  readonly client: HttpClient;
  readonly want: WantedBlob;
  readonly url: string;
  readonly signal: AbortSignal | undefined;
  readonly spool: Spool;
  readonly tell: (receivedBytes: number) => void;
};

/** What the first answer said its bytes are: a strong entity tag or a date. (RFC 9110 §13.1.5) */
type Validator = { value?: string | undefined };

/** One request: the whole, or what is missing after a cut. Returns when the body ended in order. */
async function receive(transfer: Transfer, validator: Validator): Promise<void> {
  const { client, want, url, signal, spool } = transfer;
  const from = spool.size;
  const headers: Record<string, string> = { "accept-encoding": "identity" };
  if (from > 0) {
    headers.range = `bytes=${from}-`;
    if (validator.value !== undefined) headers["if-range"] = validator.value;
  }
  const answer = await client.request(url, { name: want.name, headers, signal });
  const isRest = answer.status === 206 && from > 0 && startOf(answer) === from;
  if (!isRest && from > 0) await spool.restart();
  if (!isRest && answer.status !== 200) {
    await answer.discard();
    // A range nobody has (416), or another than was asked for: the next attempt begins at 0.
    if (from > 0 && (answer.status === 416 || answer.status === 206)) {
      throw interrupted(want.name, url, `range refused with HTTP ${answer.status}`);
    }
    throw failureFromStatus(want.name, answer, Date.now());
  }
  if (!isRest) validator.value = validatorFrom(answer);
  await spoolBody(transfer, answer);
}

async function spoolBody(transfer: Transfer, answer: Response): Promise<void> {
  const { want, url, spool, signal } = transfer;
  const length = lengthFrom(answer.headers);
  const total = length === undefined ? undefined : spool.size + length;
  const limit = want.sizeBytes ?? total ?? MAX_UNDECLARED_BYTES;
  if (total !== undefined && total > limit) {
    await answer.discard();
    throw tooLong(want, url, total);
  }
  for await (const chunk of answer.body) {
    if (spool.size + chunk.byteLength > limit) throw tooLong(want, url, spool.size + chunk.byteLength);
    const full = spool.add(chunk);
    if (full !== undefined) await full;
    transfer.tell(spool.size);
    signal?.throwIfAborted();
  }
  const expected = want.sizeBytes ?? total;
  if (expected === undefined || spool.size === expected) return;
  // A server that declares less than it should has another file; one that declares nothing may have been cut.
  if (total !== undefined && spool.size === total) {
    throw new CambiumError(
      "SIZE_INVALID",
      `${want.name}: got ${total} of ${expected} bytes: ${redactUrl(url)}`,
      { hint: sourceHint },
    );
  }
  throw interrupted(want.name, url, `got ${spool.size} of ${expected} bytes`);
}

function startOf(answer: Response): number | undefined {
  const match = /^bytes (\d{1,15})-/.exec(answer.headers["content-range"] ?? "");
  return match === null ? undefined : Number(match[1]);
}

function validatorFrom(answer: Response): string | undefined {
  const { etag, "last-modified": modified } = answer.headers;
  return etag?.startsWith('"') === true ? etag : modified;
}

function progress(client: HttpClient, id: Digest): (receivedBytes: number) => void {
  let told = performance.now();
  return (receivedBytes) => {
    const now = performance.now();
    if (now - told < PROGRESS_INTERVAL_MS) return;
    told = now;
    client.emit({ type: "download-progress", id, receivedBytes });
  };
}

const sourceHint =
  "The file there is another than the lock names. Check the address or the mirror; if the change is meant, lock again.";

function tooLong(want: WantedBlob, url: string, size: number): CambiumError {
  const allowed = want.sizeBytes ?? MAX_UNDECLARED_BYTES;
  const message = `${want.name}: at least ${size} bytes instead of ${allowed}: ${redactUrl(url)}`;
  return new CambiumError("SIZE_INVALID", message, { hint: sourceHint });
}

function digestInvalid(message: string): CambiumError {
  return new CambiumError("DIGEST_INVALID", message, { hint: sourceHint });
}
