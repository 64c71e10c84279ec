import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { CambiumError, environmentError, messageOf } from "../../errors.ts";
import type { Emit } from "../../events.ts";
import { type ProcessUser, resolveUser } from "./accounts.ts";
import { hostAccount, hostFile } from "./host-account.ts";
import { idMappings } from "./id-mappings.ts";
import { folderView, textInside } from "./inside.ts";
import {
  type ProcessSettings,
  processSettings,
  type RunConfig,
  type RunOverrides,
} from "./process-settings.ts";
import { canManageCgroups, findRuntime, type Runtime } from "./runtime.ts";
import { runtimeFailures } from "./runtime-log.ts";
import { type BindMount, runtimeSpec } from "./runtime-spec.ts";

export type RunImageSettings = RunOverrides & {
  /** The unpacked image; the process writes into it. Absolute. */
  readonly rootfsDir: string;
  readonly config: RunConfig;
  /** An existing folder for the bundle, which is removed afterwards. Absolute and short: sockets live below it. */
  readonly workDir: string;
  /** PATH of the caller, to find the runtime in. */
  readonly searchPath: string;
  /** A path or name instead of runc or crun from PATH. */
  readonly runtime?: string;
  readonly network: "host" | "none";
  readonly volumes: readonly BindMount[];
  /** A terminal inside: only when stdin and stdout are terminals. */
  readonly hasTerminal: boolean;
  /** Pass stdin on; otherwise the process reads an empty one. */
  readonly hasStdin: boolean;
  /** Ends the process: its stop signal, and after ten seconds SIGKILL. */
  readonly signal?: AbortSignal;
};

const STOP_TIMEOUT_MS = 10_000;
const FORWARDED: readonly NodeJS.Signals[] = [
  "SIGTERM",
  "SIGHUP",
  "SIGUSR1",
  "SIGUSR2",
  "SIGINT",
  "SIGQUIT",
  "SIGWINCH",
];
/** In raw mode the terminal sends no such signals; one that comes concerns us and the runtime in our group alike. */
const TERMINAL_OWNED: readonly NodeJS.Signals[] = ["SIGINT", "SIGQUIT", "SIGWINCH"];

/**
 * Runs a process in an unpacked image through runc or crun, as root or rootless, with Docker's rules for command,
 * environment, user and privileges, and no seccomp profile. No shell is between; signals are passed on.
 * @returns its exit code, 128 + n after signal n.
 * @throws CambiumError `RUNTIME_MISSING`, `RUN_FAILED` when it did not start, `RUN_COMMAND`, `USER_UNKNOWN`.
 */
export async function runImage(settings: RunImageSettings, emit: Emit): Promise<number> {
  const runtime = findRuntime(settings.searchPath, settings.runtime);
  const wanted = processSettings(settings.config, settings);
  const view = folderView(settings.rootfsDir);
  const passwd = textInside(view, "/etc/passwd");
  const user = resolveUser(wanted.user, { passwd, group: textInside(view, "/etc/group") });
  const bundle = makeBundle(settings.workDir);
  const id = `cambium-${randomBytes(8).toString("hex")}`;
  const stateRoot = join(bundle, "state");
  try {
    const hasCgroup = canManageCgroups(runtime, process.geteuid?.() !== 0);
    const spec = specFor(settings, wanted, user, { bundle, hasCgroup }, emit);
    writeFileSync(join(bundle, "config.json"), JSON.stringify(spec));
    return await runContainer({ runtime, id, bundle, stateRoot, hasCgroup, settings, emit });
  } finally {
    // Does nothing after a usual end; after a crash of the runtime it removes cgroups and processes.
    spawnSync(runtime.path, ["--root", stateRoot, "delete", "--force", id], {
      stdio: "ignore",
      timeout: 30_000,
    });
    rmSync(bundle, { recursive: true, force: true });
  }
}

function makeBundle(workDir: string): string {
  try {
    return mkdtempSync(join(workDir, "run-"));
  } catch (error) {
    throw environmentError(
      "RUN_FOLDER",
      `cannot prepare a run in ${workDir}: ${messageOf(error)}`,
      "Set CAMBIUM_ROOT to a folder that you can write.",
      error,
    );
  }
}

function specFor(
  settings: RunImageSettings,
  wanted: ProcessSettings,
  user: ProcessUser,
  { bundle, hasCgroup }: { readonly bundle: string; readonly hasCgroup: boolean },
  emit: Emit,
): Record<string, unknown> {
  const host = hostAccount(settings.searchPath);
  const mapped = host.uid === 0 ? undefined : idMappings(host, user);
  const isOther = mapped?.isExact === false;
  if (isOther) {
    const message = `runs as root of a user namespace instead of ${user.uid}:${user.gid}: this account has no range in /etc/subuid`;
    emit({ type: "notice", message });
  }
  const defaults = [`HOME=${user.home}`, ...(settings.hasTerminal ? ["TERM=xterm"] : [])];
  const env = [...wanted.env, ...defaults.filter((line) => !hasName(wanted.env, line))];
  return runtimeSpec({
    rootfsDir: settings.rootfsDir,
    args: wanted.args,
    env,
    cwd: wanted.cwd,
    user: isOther ? { uid: 0, gid: 0, additionalGids: [], home: user.home } : user,
    hasTerminal: settings.hasTerminal,
    hasCgroup,
    network: settings.network,
    mounts: [...networkFiles(settings.network, bundle), ...settings.volumes],
    ...(mapped === undefined ? {} : { mappings: mapped.mappings }),
  });
}

function hasName(env: readonly string[], line: string): boolean {
  const prefix = line.slice(0, line.indexOf("=") + 1);
  return env.some((other) => other.startsWith(prefix));
}

/** Copies of the host's name resolution, so that the process cannot change it; without a network only itself. */
function networkFiles(network: "host" | "none", bundle: string): BindMount[] {
  const hosts = network === "host" ? hostFile("/etc/hosts") : "127.0.0.1\tlocalhost\n::1\tlocalhost\n";
  const files = {
    "/etc/hosts": hosts,
    "/etc/resolv.conf": network === "host" ? hostFile("/etc/resolv.conf") : "",
  };
  mkdirSync(join(bundle, "etc"));
  return Object.entries(files).map(([target, text]) => {
    const source = join(bundle, target);
    writeFileSync(source, text, { mode: 0o644 });
    return { source, target, isReadOnly: true };
  });
}

type Run = {
  readonly runtime: Runtime;
  readonly id: string;
  readonly bundle: string;
  readonly stateRoot: string;
  readonly hasCgroup: boolean;
  readonly settings: RunImageSettings;
  readonly emit: Emit;
};

async function runContainer({
  runtime,
  id,
  bundle,
  stateRoot,
  hasCgroup,
  settings,
  emit,
}: Run): Promise<number> {
  const log = join(bundle, "log.json");
  const general = ["--root", stateRoot, "--log", log, "--log-format", "json"];
  if (!hasCgroup) general.push("--cgroup-manager=disabled");
  emit({ type: "process-started" });
  const child = spawn(runtime.path, [...general, "run", "--bundle", bundle, id], {
    cwd: bundle,
    env: { PATH: settings.searchPath },
    stdio: [settings.hasStdin ? "inherit" : "ignore", "inherit", "inherit"],
    // In a session of its own, Ctrl-C reaches it once, through us. A terminal it must share with us.
    detached: !settings.hasTerminal,
  });
  const stopForwarding = forwardSignals(child, settings);
  try {
    const code = await exitCode(child, runtime);
    if (code !== 0) assertStarted(log, runtime, code);
    return code;
  } finally {
    stopForwarding();
  }
}

function exitCode(child: ChildProcess, runtime: Runtime): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  child.once("error", (error) =>
    reject(
      environmentError(
        "RUNTIME_MISSING",
        `cannot start ${runtime.path}: ${messageOf(error)}`,
        undefined,
        error,
      ),
    ),
  );
  child.once("close", (code, signal) =>
    resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])),
  );
  return promise;
}

function assertStarted(log: string, runtime: Runtime, code: number): void {
  const failures = runtimeFailures(hostFile(log));
  if (failures.length === 0) return;
  throw new CambiumError(
    "RUN_FAILED",
    `${runtime.kind} could not start the process (${code}): ${failures.join("; ")}`,
    {
      hint: "Check the command and that the image has it; `cambium inspect` shows what is set.",
    },
  );
}

/** @returns what undoes it. */
function forwardSignals(child: ChildProcess, settings: RunImageSettings): () => void {
  const names = FORWARDED.filter((name) => !settings.hasTerminal || !TERMINAL_OWNED.includes(name));
  const forward = (name: NodeJS.Signals) => child.kill(name);
  for (const name of names) process.on(name, forward);
  let timer: NodeJS.Timeout | undefined;
  const stop = () => {
    child.kill(stopSignal(settings.config.StopSignal));
    timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
  };
  settings.signal?.addEventListener("abort", stop, { once: true });
  if (settings.signal?.aborted === true) stop();
  return () => {
    for (const name of names) process.off(name, forward);
    settings.signal?.removeEventListener("abort", stop);
    clearTimeout(timer);
  };
}

/** `SIGINT`, `INT` or a number (image-spec, config.md, StopSignal); what is neither is SIGTERM. */
function stopSignal(text: string | null | undefined): NodeJS.Signals {
  const wanted = /^\d+$/.test(text ?? "")
    ? Object.entries(constants.signals).find(([, number]) => number === Number(text))?.[0]
    : `SIG${(text ?? "").replace(/^SIG/, "")}`;
  return isSignal(wanted) ? wanted : "SIGTERM";
}

function isSignal(name: string | undefined): name is NodeJS.Signals {
  return name !== undefined && Object.hasOwn(constants.signals, name);
}
