import type { Platform } from "../../platform.ts";

/** The program behind an environment: its version as `3.11` or `3.11.2`, and where it is in the image, absolute. */
export type Interpreter = { readonly version: string; readonly path: string };

/** The interpreter and machine that wheels are chosen for: never the host's. CPython on glibc only, so far. */
export type PythonTarget = {
  /** As in `3.11.2`; `major.minor` decides tags, the whole decides markers. */
  readonly version: string;
  readonly platform: Platform;
  /** glibc of the base, e.g. `[2, 36]`. */
  readonly glibc: readonly [major: number, minor: number];
};
