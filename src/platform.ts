import { arch } from "node:os";
import { usageError } from "./errors.ts";

/** image-spec, image-index.md: `platform`. */
export type Platform = { readonly os: "linux"; readonly architecture: "amd64" | "arm64" };

/** All that images are made for. */
export const KNOWN_PLATFORMS: readonly Platform[] = [
  { os: "linux", architecture: "amd64" },
  { os: "linux", architecture: "arm64" },
];

/** @throws CambiumError `PLATFORM_UNSUPPORTED`. */
export function parsePlatform(text: string, where: string): Platform {
  const match = /^linux\/(amd64|x86_64|arm64|aarch64)(?:\/v8)?$/.exec(text);
  if (match === null) {
    throw usageError(
      "PLATFORM_UNSUPPORTED",
      `${where}: unsupported platform: ${JSON.stringify(text)}`,
      "Supported: linux/amd64, linux/arm64.",
    );
  }
  const isArm = match[1] === "arm64" || match[1] === "aarch64";
  return { os: "linux", architecture: isArm ? "arm64" : "amd64" };
}

/** What images for this machine are for. */
export function machinePlatform(): Platform {
  return { os: "linux", architecture: arch() === "arm64" ? "arm64" : "amd64" };
}

export function formatPlatform(platform: Platform): string {
  return `${platform.os}/${platform.architecture}`;
}
