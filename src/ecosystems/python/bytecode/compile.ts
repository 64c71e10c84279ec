import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Writable } from "node:stream";
import { CambiumError, environmentError, messageOf } from "../../../errors.ts";
import { ByteSource } from "../../../layer/byte-source.ts";
import { COMPILE_PROGRAM } from "./compile-program.ts";

/** An interpreter that was unpacked into a folder of its own, with its dynamic loader and libraries. */
export type PythonProgram = {
  /** Absolute. */
  readonly root: string;
  /** Loader, program and arguments; absolute paths count from `root`. */
  readonly argv: readonly string[];
  /**
   * In namespaces of its own, with `root` for its root, no network and no capabilities. Without, as any other program
   * of the caller's: only for what was signed.
   */
  readonly isConfined: boolean;
};

/** A program before it is known how far it may be trusted. */
export type UnpackedPython = Omit<PythonProgram, "isConfined">;

export type PythonFile = {
  /** Absolute, as Python in the image will know the file: tracebacks name it. */
  readonly path: string;
  read(): Uint8Array;
};

/** Processor time of one file, and address space of the process. */
export type CompileLimits = { readonly cpuSeconds: number; readonly memoryKib: number };

const LIMITS: CompileLimits = { cpuSeconds: 60, memoryKib: 2 << 20 };

/** No file takes as long, on however busy a machine: the interpreter itself has stopped. */
const MAX_SILENCE_MS = 600_000;

/**
 * No core files, nothing written but to pipes, and the usual stack whatever the caller has: how deep code may nest
 * depends on it. A limit that the caller has set lower stays.
 */
function limitCommands({ memoryKib }: CompileLimits): string {
  return `{ ulimit -c 0; ulimit -f 0; ulimit -s 8192; ulimit -v ${memoryKib}; } 2>/dev/null`;
}

/** An id other than root's, so that nothing is left of what unshare may do. Its end is the end of all inside. */
const CONFINEMENT =
  "unshare --user --map-user=1 --map-group=1 --mount --net --ipc --uts --pid --fork --kill-child";

/** No site, nothing written, no warning. Not isolated (-I), since that would ignore the hash seed as well. */
const FLAGS = ["-S", "-B", "-s", "-W", "ignore", "-c", COMPILE_PROGRAM];

/** Order of sets decides bytes up to Python 3.10, so strings must hash alike in every process. */
const ENV = { PYTHONHASHSEED: "0" };

/** No module comes near; a larger file has no bytecode. */
const MAX_SOURCE_BYTES = 16 << 20;
const NONE = 0xffffffff;
/** What the compile program answers at most for one file. */
const MAX_ANSWER_BYTES = 64 << 20;

/** What an interpreter says of itself: `cpython-311 3.11.2`. @throws CambiumError `PYTHON_UNUSABLE`. */
export async function askPython(program: PythonProgram): Promise<string> {
  const python = start(program, LIMITS);
  try {
    return await python.greeting();
  } finally {
    python.stop();
  }
}

/**
 * Compiles files in their order by one process, and gives for each the content of its .pyc; undefined for what does not
 * compile, as a syntax error or a file that exceeds a limit. The code is never run.
 * @throws CambiumError `PYTHON_UNUSABLE` when the interpreter itself fails.
 */
export async function* compilePython(
  program: PythonProgram,
  files: readonly PythonFile[],
  limits: CompileLimits = LIMITS,
): AsyncGenerator<Uint8Array | undefined> {
  const python = start(program, limits);
  try {
    await python.greeting();
    // While one file is compiled the next is on its way; how far ahead is for the pipe to say.
    const fed = feed(python.stdin, files);
    fed.catch(python.fail);
    for (let left = files.length; left > 0; left--) yield await python.answer();
    // Its end of its own accord; what comes next has nothing left to end.
    python.stdin.end();
    await python.ended;
  } finally {
    python.stop();
  }
}

/** What the process does not read is told by what it does not answer. @throws what reading a file throws. */
async function feed(stdin: Writable, files: readonly PythonFile[]): Promise<void> {
  for (const { path, read } of files) {
    const content = read();
    // What cannot compile is told by the same answer.
    const source = content.length > MAX_SOURCE_BYTES ? Buffer.from("(") : content;
    const name = Buffer.from(path);
    const lengths = Buffer.alloc(8);
    lengths.writeUInt32LE(name.length, 0);
    lengths.writeUInt32LE(source.length, 4);
    stdin.write(lengths);
    stdin.write(name);
    const isRoom = stdin.write(source) || (await once(stdin, "drain").catch(() => false));
    if (isRoom === false) return;
  }
}

function start(program: PythonProgram, limits: CompileLimits) {
  const child = startProcess(program, limits);
  let failure: unknown;
  const fail = (error: unknown) => {
    failure = error;
    child.kill("SIGKILL");
  };
  child.on("error", fail);
  child.stdin.on("error", () => undefined);
  const stdout = new ByteSource(child.stdout, "bytecode", Number.MAX_SAFE_INTEGER);
  const answer = async (): Promise<Uint8Array | undefined> => {
    const silence = setTimeout(() => fail(new Error("it does not answer")), MAX_SILENCE_MS);
    try {
      const length = (await stdout.take(4)).readUInt32LE(0);
      if (length === NONE) return undefined;
      if (length > MAX_ANSWER_BYTES) throw new Error(`it answers with ${length} bytes`);
      return await stdout.take(length);
    } catch (error) {
      if (failure instanceof CambiumError) throw failure;
      throw unusable(program, failure ?? endOf(child) ?? error);
    } finally {
      clearTimeout(silence);
    }
  };
  return {
    stdin: child.stdin,
    ended: once(child, "close").catch(() => undefined),
    fail,
    answer,
    greeting: async () => Buffer.from((await answer()) ?? "").toString("utf8"),
    stop: () => void child.kill("SIGKILL"),
  };
}

function startProcess({ root, argv, isConfined }: PythonProgram, limits: CompileLimits) {
  const below = (word: string) => (word.startsWith("/") ? join(root, word) : word);
  const words = isConfined ? [`--root=${root}`, "--", ...argv] : argv.map(below);
  const script = `${limitCommands(limits)}; exec ${isConfined ? `${CONFINEMENT} ` : ""}"$@"`;
  return spawn("/bin/sh", ["-c", script, "sh", ...words, ...FLAGS, String(limits.cpuSeconds)], {
    cwd: root,
    env: ENV,
    stdio: ["pipe", "pipe", "ignore"],
  });
}

function endOf({ exitCode, signalCode }: ChildProcess): Error | undefined {
  if (signalCode !== null) return new Error(`it was ended by ${signalCode}`);
  return exitCode === null ? undefined : new Error(`it ended with exit code ${exitCode}`);
}

function unusable({ argv }: PythonProgram, cause: unknown): CambiumError {
  return environmentError(
    "PYTHON_UNUSABLE",
    `cannot make bytecode with ${argv.at(-1)}: ${messageOf(cause)}`,
    "Build without bytecode: --no-bytecode.",
    cause,
  );
}
