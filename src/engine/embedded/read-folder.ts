import { CambiumError, environmentError } from "../../errors.ts";
import { bytesFromText } from "../../layer/raw-text.ts";
import { FOUND_FORMAT, type FoundPath, parseFoundPaths } from "../../store/found-paths.ts";
import type { EngineHost } from "./check.ts";
import { type Launched, launch } from "./launch.ts";
import { diskFullOr } from "./tar-errors.ts";

/** A tar of a folder while GNU tar makes it. */
export type FolderTar = {
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Once all is read, or nobody will read on. @throws what `failure` makes; CambiumError `DISK_FULL`. */
  end(): Promise<void>;
  /** Whether something cannot be in a tar, as sockets. */
  hasSkipped(): boolean;
};

export type FolderTarOptions = {
  /** Only these paths, in this order, and nothing of what is in them; by default all, sorted. */
  readonly paths?: readonly string[];
  readonly signal?: AbortSignal | undefined;
  /** What it means that tar ended so: its exit code, and what it said. */
  readonly failure: (code: number, detail: string) => Error;
};

/** GNU tar's account of a folder: owners, modes, times to the nanosecond, links, xattrs. */
export async function readFolder(
  host: EngineHost,
  folder: string,
  { paths, signal, failure }: FolderTarOptions,
): Promise<FolderTar> {
  const named = ["--null", "--verbatim-files-from", "--no-recursion", "--files-from=-"];
  const times = "--pax-option=delete=atime,delete=ctime";
  const launched = await launch(host, [
    ...[host.programs.tar, "--create", "--file=-", "--format=posix", times, "--numeric-owner"],
    ...["--xattrs", "--xattrs-include=*", `--directory=${folder}`],
    ...(paths === undefined ? ["--sort=name", "."] : named),
  ]);
  const ended = watched(launched, signal);
  // Node throws away what nobody listens for when a program ends, and a small tar may be done before its reader begins.
  launched.stdout.on("readable", () => undefined);
  if (paths === undefined) launched.stdin.end();
  else launched.stdin.end(Buffer.concat(paths.flatMap((path) => [HERE, bytesFromText(path), NUL])));
  return {
    bytes: launched.stdout,
    hasSkipped: () => ended.text().includes("socket ignored"),
    async end() {
      launched.stdout.destroy();
      const code = await ended.code();
      if (code !== 0) throw diskFullOr(ended.text(), (detail) => failure(code, detail));
    },
  };
}

const HERE = Buffer.from("./");
const NUL = Buffer.of(0);

/**
 * Every path of a folder, its root among them, in no order: by find(1), since parts may be closed to us.
 * @throws CambiumError `ENGINE_MISSING` without GNU find, `MOUNT_UNREADABLE`.
 */
export async function listFolder(
  host: EngineHost,
  folder: string,
  signal: AbortSignal | undefined,
): Promise<FoundPath[]> {
  const { find } = host.programs;
  if (find === undefined) throw findMissing();
  const launched = await launch(host, [find, folder, "-xdev", "-printf", FOUND_FORMAT]);
  const ended = watched(launched, signal);
  launched.stdin.end();
  const chunks: Uint8Array[] = [];
  for await (const chunk of launched.stdout) chunks.push(chunk);
  const code = await ended.code();
  const found = code === 0 ? parseFoundPaths(Buffer.concat(chunks)) : undefined;
  if (found !== undefined) return found;
  // busybox's find ends so as well: it knows no -printf.
  if (/printf/.test(ended.text())) throw findMissing();
  const detail = ended.text().trim().split("\n").slice(0, 3).join("; ");
  throw new CambiumError("MOUNT_UNREADABLE", `cannot list ${folder} (${code}): ${detail}`, {
    hint: "Check the disk; something else may have changed the folder meanwhile.",
  });
}

function findMissing(): CambiumError {
  return environmentError(
    "ENGINE_MISSING",
    "a snapshot of a cache mount needs what this machine lacks: find of GNU findutils",
    "Install it (apt-get install findutils).",
  );
}

/** Kills it when the signal comes, and keeps the beginning of what it says. */
function watched(launched: Launched, signal: AbortSignal | undefined) {
  const stop = () => launched.child.kill("SIGKILL");
  signal?.addEventListener("abort", stop);
  if (signal?.aborted === true) stop();
  let text = "";
  launched.stderr.on("data", (chunk: Uint8Array) => {
    if (text.length < 10_000) text += Buffer.from(chunk).toString("utf8");
  });
  return {
    text: () => text,
    async code(): Promise<number> {
      const code = await launched.exitCode;
      signal?.removeEventListener("abort", stop);
      signal?.throwIfAborted();
      return code;
    },
  };
}
