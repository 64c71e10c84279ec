import { formatPlatform, type Platform } from "../platform.ts";
import type { IndexRow } from "./documents.ts";

/** The variants that every machine of an architecture runs, the best first; "" is a row that names none. */
const VARIANTS: Readonly<Record<Platform["architecture"], readonly string[]>> = {
  amd64: ["", "v1"],
  arm64: ["v8", ""],
};

/**
 * The row of an index that is for `platform`; undefined: none is. Of several the first of the best variant, so rows that
 * need a newer processor are passed over. A single row that names no platform is taken: its config says what it is.
 */
export function choosePlatform(rows: readonly IndexRow[], platform: Platform): IndexRow | undefined {
  const [only] = rows;
  if (rows.length === 1 && only !== undefined && only.platform === undefined) return only;
  for (const variant of VARIANTS[platform.architecture]) {
    const found = rows.find(
      (row) =>
        row.platform?.os === platform.os &&
        row.platform.architecture === platform.architecture &&
        (row.platform.variant ?? "") === variant,
    );
    if (found !== undefined) return found;
  }
  return undefined;
}

/** What an index has, for messages; attestations are no platform. */
export function platformsOf(rows: readonly IndexRow[]): string[] {
  const names = rows.flatMap(({ platform }) => {
    if (platform === undefined || platform.os === "unknown") return [];
    const variant = platform.variant === undefined ? "" : `/${platform.variant}`;
    return [`${platform.os}/${platform.architecture}${variant}`];
  });
  return [...new Set(names)];
}

/** The hint of the error that says that `platform` is not there. */
export function platformHint(rows: readonly IndexRow[], platform: Platform): string {
  const others = platformsOf(rows);
  return others.length === 0
    ? `It names no platform, not even ${formatPlatform(platform)}.`
    : `It has: ${others.join(", ")}.`;
}
