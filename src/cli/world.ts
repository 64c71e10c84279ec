import type { ReportStream } from "../report/reporter.ts";
import type { Library } from "./library.ts";

/** All that a command knows of its surroundings, so that a test can give it others. */
export type World = {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute; relative paths of flags count from here. */
  readonly cwd: string;
  /** The user's home, where the environment does not say it. */
  readonly homeDir: string;
  readonly stdout: ReportStream;
  readonly stderr: ReportStream;
  readonly isStdinTTY: boolean;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Aborted on SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
  readonly library: Library;
};
