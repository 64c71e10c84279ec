import { isatty, WriteStream } from "node:tty";
import type { Launched } from "./launch.ts";
import type { TerminalSize } from "./runtime-spec.ts";

/** Our terminal, as a step gets it (`TERMINAL_FDS`). */
const TERMINAL_FD = 2;

/** Of our terminal. Undefined where nobody has set one. */
export function terminalSize(): TerminalSize | undefined {
  if (!isatty(TERMINAL_FD)) return undefined;
  const stream = new WriteStream(TERMINAL_FD);
  try {
    const [columns, rows] = stream.getWindowSize();
    return rows > 0 && columns > 0 ? { rows, columns } : undefined;
  } finally {
    // A handle of its own; the descriptor stays.
    stream.destroy();
  }
}

/**
 * Tells the runtime whenever our terminal's size changes; it reads the new one from the terminal itself. The kernel tells
 * only who belongs to the terminal, and the sandbox has a session of its own, so that Ctrl-C reaches it through us alone.
 * @returns what ends it
 */
export function followTerminal({ pid }: Launched): () => void {
  const tell = () => {
    try {
      // Its process group: nobody else in it minds this signal.
      process.kill(-pid, "SIGWINCH");
    } catch {
      // It has just ended.
    }
  };
  process.on("SIGWINCH", tell);
  return () => void process.off("SIGWINCH", tell);
}
