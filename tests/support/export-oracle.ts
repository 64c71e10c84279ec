import { expect } from "vitest";
import type { UniversalLock } from "../../src/ecosystems/python/choice/universal-lock.ts";
import {
  evaluateMarker,
  markerEnvironment,
  parseMarker,
} from "../../src/ecosystems/python/standards/marker.ts";
import { parseRequirement } from "../../src/ecosystems/python/standards/requirement.ts";
import type { PythonTarget } from "../../src/ecosystems/python/target.ts";

const TARGETS: readonly PythonTarget[] = ["3.11.2", "3.12.0", "3.13.5", "3.15.1"].flatMap((version) =>
  (["amd64", "arm64"] as const).map((architecture) => ({
    version,
    platform: { os: "linux", architecture } as const,
    glibc: [2, 36] as const,
  })),
);

/**
 * For tests: holds what a reader made of a lock to what the lock's own tool exports from it, in every environment of a
 * list. Both sides are name and version, or name alone for what has no version in the export.
 */
export function expectSameAsExport(lock: UniversalLock, exported: string): void {
  const lines = exported.split("\n").filter((line) => line !== "");
  for (const target of TARGETS) {
    const environment = markerEnvironment(target);
    const expected = lines.flatMap((line) => {
      // An editable project: `-e ./lib_a`.
      if (line.startsWith("-e ./")) return [line.slice(5).replace("_", "-")];
      const { name, specifier, marker } = parseRequirement(line, "export");
      if (marker !== undefined && !evaluateMarker(marker, environment)) return [];
      return [specifier.length === 0 ? name : `${name} ${specifier[0]?.text}`];
    });
    const actual = lock.distributions.flatMap(({ name, version, marker, directUrl, needsBuild }) => {
      if (marker !== undefined && !evaluateMarker(parseMarker(marker, "lock"), environment)) return [];
      return [directUrl === undefined && needsBuild === undefined ? `${name} ${version}` : name];
    });
    expect({ target, names: actual.sort() }).toEqual({ target, names: expected.sort() });
  }
}
