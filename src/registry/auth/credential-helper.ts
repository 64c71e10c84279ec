import { execFile } from "node:child_process";
import { environmentError, usageError } from "../../errors.ts";
import type { RegistryCredentials } from "./credentials.ts";

/** Some ask a person for a passphrase. */
const TIMEOUT_MS = 60_000;
const MAX_OUTPUT_BYTES = 64 * 1024;
/** By this name a helper says that the secret is an identity token. */
const TOKEN_USER = "<token>";
/** docker-credential-helpers' own words, in either of its errors. */
const NOT_FOUND = /credentials not found|no credentials/i;

export type HelperRequest = {
  /** `docker-credential-` and this is the command. */
  readonly name: string;
  readonly serverUrl: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number;
};

/**
 * Asks a credential helper (docker-credential-helpers: `get`, server on stdin, JSON on stdout).
 * `unknown`: it has none for this server; `missing`: there is no such command.
 * @throws CambiumError `CREDENTIAL_HELPER_FAILED`, which repeats nothing of what the helper wrote, since it may be a
 *   secret; the signal's reason.
 */
export async function askHelper(
  request: HelperRequest,
): Promise<RegistryCredentials | "unknown" | "missing"> {
  const command = `docker-credential-${request.name}`;
  // A path in the name would run anything.
  if (!/^[A-Za-z0-9._-]+$/.test(request.name)) {
    throw usageError(
      "CREDENTIAL_HELPER_FAILED",
      `not the name of a credential helper: ${JSON.stringify(request.name)}`,
      "Correct credHelpers or credsStore in the configuration file.",
    );
  }
  const { error, stdout } = await run(command, request);
  request.signal?.throwIfAborted();
  if (error !== null) {
    if (error.code === "ENOENT") return "missing";
    if (NOT_FOUND.test(stdout)) return "unknown";
    const reason = reasonOf(error);
    throw failed(command, request.serverUrl, reason);
  }
  const { Username: username, Secret: secret } = parsed(stdout) ?? {};
  if (typeof username !== "string" || typeof secret !== "string")
    throw failed(command, request.serverUrl, "its answer is not what the protocol says");
  if (secret === "") return "unknown";
  return username === TOKEN_USER
    ? { kind: "identity-token", token: secret, from: command }
    : { kind: "password", username, password: secret, from: command };
}

function reasonOf({ code, killed }: NonNullable<Ended["error"]>): string {
  if (code === "ERR_CHILD_PROCESS_STDIO_MAXBUFFER") return "its answer is too long";
  return killed === true ? "no answer in time" : `exit ${String(code)}`;
}

type Ended = {
  readonly error: (Error & { readonly code?: string | number | null; readonly killed?: boolean }) | null;
  readonly stdout: string;
};

function run(
  command: string,
  { env, serverUrl, signal, timeoutMs = TIMEOUT_MS }: HelperRequest,
): Promise<Ended> {
  const { promise, resolve } = Promise.withResolvers<Ended>();
  const options = {
    env: { ...env },
    timeout: timeoutMs,
    maxBuffer: MAX_OUTPUT_BYTES,
    encoding: "utf8" as const,
  };
  const child = execFile(command, ["get"], { ...options, ...(signal && { signal }) }, (error, stdout) =>
    resolve({ error: error as Ended["error"], stdout }),
  );
  // One that ends without reading closes the pipe; its exit says what happened.
  child.stdin?.on("error", () => undefined);
  child.stdin?.end(serverUrl);
  return promise;
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function failed(command: string, serverUrl: string, reason: string) {
  return environmentError(
    "CREDENTIAL_HELPER_FAILED",
    `${command} gave no credentials for ${serverUrl}: ${reason}`,
    `Try it: echo ${serverUrl} | ${command} get`,
  );
}
