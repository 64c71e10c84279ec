import { CambiumError } from "../../errors.ts";
import type { MountCommand } from "./sandbox.ts";

/** How file systems are laid over each other: by the kernel, as root or with a user's xattrs, or by fuse-overlayfs. */
export type OverlayKind = "kernel" | "kernel-user" | "fuse";

/** mount(2) takes one page of options, and its last byte is zero. */
const MAX_OPTION_BYTES = 4095;

/** Whiteouts and opaque marks alone: no other trick, so that any tool can read what a step left. */
const PLAIN = {
  kernel: ["redirect_dir=off", "metacopy=off", "index=off"],
  // With a user's xattrs the other two are off, and saying so is refused.
  "kernel-user": ["userxattr", "index=off"],
  fuse: [],
} as const;

/** Where an overlay's changes go. */
export type Changes = { readonly upper: string; readonly work: string };

/** From this kernel on an overlay can be told that nobody needs its changes after a power cut. */
const VOLATILE_KERNEL = [5, 10] as const;

/** Whether a kernel release, `6.1.0-9-amd64`, knows `volatile`: without it, every end of a step would sync the whole disk. */
export function knowsVolatile(release: string): boolean {
  const [major = 0, minor = 0] = release.split(".").map((part) => Number.parseInt(part, 10));
  return major > VOLATILE_KERNEL[0] || (major === VOLATILE_KERNEL[0] && minor >= VOLATILE_KERNEL[1]);
}

/**
 * A mount of folders, bottom up, and above them where changes go (absent: read-only). Paths must be free of `:`, `,` and
 * backslashes, which our own relative ones are.
 * @throws CambiumError `ENGINE_LAYERS` for more folders than mount(2) has room for.
 */
export function overlayMount(
  kind: OverlayKind,
  lowers: readonly string[],
  changes: Changes | undefined,
  target: string,
  isVolatile = false,
): MountCommand {
  const options = [
    `lowerdir=${[...lowers].reverse().join(":")}`,
    ...(changes === undefined ? [] : [`upperdir=${changes.upper}`, `workdir=${changes.work}`]),
    ...PLAIN[kind],
    ...(isVolatile && changes !== undefined && kind !== "fuse" ? ["volatile"] : []),
  ].join(",");
  if (kind !== "fuse" && options.length > MAX_OPTION_BYTES) {
    throw new CambiumError(
      "ENGINE_LAYERS",
      `${lowers.length} layers are more than one mount takes (${options.length} of ${MAX_OPTION_BYTES} bytes)`,
      { hint: "Build on a base with fewer layers, or join instructions: each RUN and COPY is a layer." },
    );
  }
  return { type: kind === "fuse" ? "fuse-overlayfs" : "overlay", options, source: "overlay", target };
}

/** Where each kind notes that a directory is opaque; fuse-overlayfs reads the whiteout files of layers as they are. */
export function opaqueAttribute(kind: OverlayKind): string | undefined {
  if (kind === "fuse") return undefined;
  return kind === "kernel" ? "trusted.overlay.opaque" : "user.overlay.opaque";
}
