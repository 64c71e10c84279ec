import { dirname } from "node:path/posix";
import { usageError } from "../../../errors.ts";
import { digestOf } from "../../../layer/digest.ts";
import { CONSTANT_MTIME } from "../../../layer/entry.ts";
import { type SourceEntry, segmentFromFiles } from "../../../layer/files.ts";
import type { BlobWriter, Segment } from "../../../layer/segment.ts";
import { LAYOUT_VERSIONS } from "../../../layout-versions.ts";
import type { Interpreter } from "../target.ts";
import { LIBRARY, VENV } from "./scheme.ts";

/**
 * What makes a directory of packages a venv for one minor version: links and `pyvenv.cfg`. Everything that depends on
 * X.Y is here, so that packages need not.
 *
 * `version = X.Y` stands where `python -m venv` writes X.Y.Z, so that a security update of the interpreter leaves
 * the layer as it is; Python itself reads only `home` and `include-system-site-packages`.
 * @throws CambiumError `PYTHON_VERSION`.
 */
export function venvSegmentFiles(interpreter: Interpreter): SourceEntry[] {
  const minor = minorVersion(interpreter.version);
  const owner = { uid: 0, gid: 0 } as const;
  const link = (path: string, target: string): SourceEntry => ({
    type: "symlink",
    path: `${VENV}/${path}`,
    mode: 0o777,
    ...owner,
    target,
  });
  const settings = `home = ${dirname(interpreter.path)}\ninclude-system-site-packages = false\nversion = ${minor}\n`;
  return [
    link("bin/python", interpreter.path),
    link("bin/python3", "python"),
    link(`bin/python${minor}`, "python"),
    // Stated, because Python looks for it even where no package is installed.
    { type: "directory", path: LIBRARY, mode: 0o755, ...owner },
    link(`lib/python${minor}`, "python3"),
    link("lib64", "lib"),
    { type: "file", path: `${VENV}/pyvenv.cfg`, mode: 0o644, ...owner, content: Buffer.from(settings) },
  ];
}

/** The venv as a segment of its own. @throws CambiumError `PYTHON_VERSION`. */
export function venvSegment(interpreter: Interpreter, blobs: BlobWriter): Segment {
  const minor = minorVersion(interpreter.version);
  const isDebian = interpreter.path === debianInterpreterPath(minor);
  return segmentFromFiles(
    {
      recipe: {
        ecosystem: "generated",
        layoutVersion: LAYOUT_VERSIONS.venv,
        source: digestOf(`venv ${minor}`),
        options: { kind: "venv", python: minor, ...(!isDebian && { interpreter: interpreter.path }) },
      },
      name: `venv ${minor}`,
      key: "venv",
      mtimeSec: CONSTANT_MTIME,
      entries: venvSegmentFiles(interpreter),
    },
    blobs,
  );
}

/** Where Debian has its Python; what stands there needs no word of it in the recipe. */
export function debianInterpreterPath(minor: string): string {
  return `/usr/bin/python${minor}`;
}

function minorVersion(pythonVersion: string): string {
  const match = /^(3\.\d{1,3})(?:\.|$)/.exec(pythonVersion);
  if (match !== null) return match[1]!;
  throw usageError(
    "PYTHON_VERSION",
    `not a version of Python 3: ${JSON.stringify(pythonVersion)}`,
    "Write major and minor, such as 3.11.",
  );
}
