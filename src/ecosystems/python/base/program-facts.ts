import { z } from "zod";
import type { WantedFile } from "../../../layer/listing.ts";
import { readElf } from "../../linux/elf.ts";

/** What an interpreter's program, or its libpython, has in itself. */
export type ProgramFacts = {
  /** As in `3.11.2`. */
  readonly version: string | undefined;
  /** The dynamic loader that it is started by, absolute. */
  readonly loader: string | undefined;
};

const schema = z.object({ version: z.string().optional(), loader: z.string().optional() });

/** `python3.11`, `python3.13t`; a library as `libpython3.11.so.1.0`. */
const PROGRAM = /(?:^|\/)(?:bin\/python|lib(?:64)?\/(?:[^/]+\/)?libpython)3\.(\d{1,3})t?(?:\.so\.1\.0)?$/;
/** Debian's has 7 MB; a static one with all modules some 50. */
const MAX_PROGRAM_BYTES = 64 << 20;

/** Keeps `ProgramFacts` of interpreters and their libraries, instead of their bytes. */
export function wantedProgram(path: string): WantedFile | undefined {
  const minor = PROGRAM.exec(path)?.[1];
  if (minor === undefined) return undefined;
  const reduce = (content: Uint8Array) => {
    const version = versionIn(content, minor);
    return Buffer.from(JSON.stringify({ version, loader: readElf(content)?.interpreter }));
  };
  return { maxBytes: MAX_PROGRAM_BYTES, reduce };
}

/** What `wantedProgram` kept; undefined for nothing, or what is no such thing. */
export function parseProgramFacts(text: string | undefined): ProgramFacts | undefined {
  if (text === undefined) return undefined;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  const parsed = schema.safeParse(json);
  return parsed.success ? { version: parsed.data.version, loader: parsed.data.loader } : undefined;
}

/** CPython has its version as a string of its own, PY_VERSION of Include/patchlevel.h. */
function versionIn(content: Uint8Array, minor: string): string | undefined {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  const start = `\x003.${minor}.`;
  for (let at = bytes.indexOf(start, 0, "latin1"); at !== -1; at = bytes.indexOf(start, at + 1, "latin1")) {
    const text = bytes.toString("latin1", at + 1, at + 24);
    const version = /^(3\.\d+\.\d{1,3}(?:(?:a|b|rc)\d{1,2})?)\+?\0/.exec(text)?.[1];
    if (version !== undefined) return version;
  }
  return undefined;
}
