import type { ScriptTarget } from "./entry-points.ts";

/** Linux 5.1 and later read 255 bytes of a `#!` line; pip keeps to the 127 of all kernels before. */
const MAX_SHEBANG_BYTES = 127;

/**
 * The text of a script for an entry point, byte for byte pip 26.3's (distlib's wrapper with pip's own template).
 * `interpreter` is an absolute path.
 */
export function scriptText(target: ScriptTarget, interpreter: string): string {
  // "cli.main" is imported as its first name and called in full.
  const imported = target.object.split(".")[0];
  const lines = [
    "import sys",
    `from ${target.module} import ${imported}`,
    "if __name__ == '__main__':",
    "    sys.argv[0] = sys.argv[0].removesuffix('.exe')",
    `    sys.exit(${target.object}())`,
  ];
  return `${wrapperShebang(interpreter)}${lines.join("\n")}\n`;
}

/**
 * A plain `#!` line, or, for a path with spaces or too long a one, a start that is shell and Python at once: sh runs
 * the `exec`, Python sees a string.
 */
function wrapperShebang(interpreter: string): string {
  const hasSpace = interpreter.includes(" ");
  if (!hasSpace && Buffer.byteLength(interpreter) + 3 <= MAX_SHEBANG_BYTES) return `#!${interpreter}\n`;
  const command = hasSpace ? `"${interpreter}"` : interpreter;
  return `#!/bin/sh\n'''exec' ${command} "$0" "$@"\n' '''\n`;
}

const PLACEHOLDER = Buffer.from("#!python");

/**
 * A script of the wheel with its first line pointed to the interpreter, or nothing where the first line is none of
 * `#!python…` (packaging.python.org, binary distribution format, "Recommended installer features"). Arguments on that
 * line are dropped, as pip does, which also writes the plain form whatever the length.
 */
export function withInterpreter(script: Uint8Array, interpreter: string): Uint8Array | undefined {
  const bytes = Buffer.from(script.buffer, script.byteOffset, script.byteLength);
  if (!bytes.subarray(0, PLACEHOLDER.length).equals(PLACEHOLDER)) return undefined;
  const lineEnd = bytes.indexOf(0x0a);
  const rest = lineEnd < 0 ? new Uint8Array(0) : bytes.subarray(lineEnd + 1);
  return Buffer.concat([Buffer.from(`#!${interpreter}\n`), rest]);
}
