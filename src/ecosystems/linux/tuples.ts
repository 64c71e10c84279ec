import type { Platform } from "../../platform.ts";

/** The multiarch tuple of an architecture, which Debian's library folders are named by. (Debian Policy §9.1.1) */
export const TUPLES: Readonly<Record<Platform["architecture"], string>> = {
  amd64: "x86_64-linux-gnu",
  arm64: "aarch64-linux-gnu",
};
