import { CambiumError, environmentError } from "../../errors.ts";
import { type Launched, type LaunchSettings, launch, nextStatus, TERMINAL_FDS } from "./launch.ts";

/** One call of mount(8). Paths may be relative to the sandbox's folder. */
export type MountCommand = {
  /** `none` for a bind, `fuse-overlayfs` for that program. */
  readonly type: "none" | "overlay" | "tmpfs" | "fuse-overlayfs";
  readonly options: string;
  readonly source: string;
  readonly target: string;
};

/**
 * The first process of a namespace of mounts and of processes: mounts, waits for what the step needs to be prepared,
 * unpacks that, runs the step, and waits until its traces are removed. When it ends, for whatever reason, the kernel
 * kills what is left in it and takes the mounts down.
 * Arguments: number of mounts, four for each, the folder to unpack into, the command.
 */
const stepScript = (stdio: string) => `set -eu
count=$1
shift
while [ "$count" -gt 0 ]; do
  case $1 in
    fuse-overlayfs) fuse-overlayfs -o "$2" "$4" >"$4.log" 2>&1 || { cat "$4.log" >&2; exit 1; } ;;
    *) mount -t "$1" -o "$2" "$3" "$4" ;;
  esac
  shift 4
  count=$((count - 1))
done
echo mounted >&3
read -r go <&4
tar --extract --file=- --directory="$1" --numeric-owner --same-owner --preserve-permissions
shift
code=0
"$@" ${stdio} 3>&- 4<&- || code=$?
echo "ended $code" >&3
read -r go <&4 || exit 0
`;

const SILENT = "</dev/null";
/** Nothing else of the sandbox may read from the terminal. */
const ON_TERMINAL = `<&${TERMINAL_FDS.input} >&${TERMINAL_FDS.output} 2>&${TERMINAL_FDS.output} ${TERMINAL_FDS.input}<&- ${TERMINAL_FDS.output}>&-`;

export type Sandbox = {
  readonly launched: Launched;
  /** A path inside the namespace, as we reach it from outside. */
  outside(path: string): string;
};

/**
 * Mounts and waits. From then on the caller may look at the mounts, and owes `begin` or a kill.
 * @throws CambiumError `ENGINE_MOUNT`, `ENGINE_START`, `ENGINE_USER_NAMESPACE`.
 */
export async function openSandbox(
  settings: LaunchSettings,
  input: {
    readonly folder: string;
    readonly mounts: readonly MountCommand[];
    readonly unpackInto: string;
    readonly command: readonly string[];
    /** The command gets our terminal instead of nothing. */
    readonly hasTerminal?: boolean;
  },
): Promise<Sandbox> {
  const hasTerminal = input.hasTerminal === true;
  const { sh, unshare } = settings.programs;
  const namespaces = [
    "--mount",
    "--propagation",
    "private",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
  ];
  const mounts = input.mounts.flatMap(({ type, options, source, target }) => [type, options, source, target]);
  const step = stepScript(hasTerminal ? ON_TERMINAL : SILENT);
  const script = [sh, "-c", step, "sh", String(input.mounts.length), ...mounts, input.unpackInto];
  const launched = await launch(settings, [unshare, ...namespaces, ...script, ...input.command], {
    cwd: input.folder,
    hasTerminal,
  });
  const line = await nextStatus(launched);
  if (line !== "mounted") throw mountError(await textOf(launched.stderr), await launched.exitCode);
  return { launched, outside: (path) => `/proc/${launched.pid}/root${path}` };
}

async function textOf(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8").trim();
}

function mountError(text: string, code: number): CambiumError {
  const problem = `cannot prepare the file system of a step (${code}): ${text}`;
  if (/no space left/i.test(text)) {
    return environmentError("DISK_FULL", problem, "Free space, or run: cambium cache prune");
  }
  const hint =
    "Overlay mounts need root or a kernel that lets plain users mount them (5.11), and a store that is not on overlayfs itself.";
  return environmentError("ENGINE_MOUNT", problem, hint);
}

/** Does `work` in a sandbox; when that fails or is aborted the sandbox is killed, and has ended when the error is out. */
export async function inSandbox<T>(
  { launched }: Sandbox,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  const stop = () => launched.child.kill("SIGKILL");
  signal?.addEventListener("abort", stop);
  try {
    if (signal?.aborted === true) stop();
    const result = await work();
    signal?.throwIfAborted();
    return result;
  } catch (error) {
    stop();
    await launched.exitCode;
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

/** The line that says how the step ended. @throws CambiumError `ENGINE_LOST` when the sandbox ended without it. */
export async function endOfStep(launched: Launched): Promise<number> {
  const line = await nextStatus(launched);
  const match = /^ended (\d{1,3})$/.exec(line ?? "");
  if (match !== null) return Number(match[1]);
  const code = await launched.exitCode;
  throw new CambiumError("ENGINE_LOST", `the sandbox of a step ended early (${code})`, {
    hint: "Something killed it, such as the kernel for want of memory: see dmesg, and run the build again.",
  });
}
