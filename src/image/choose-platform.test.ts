import { expect, test } from "vitest";
import type { Digest } from "../layer/digest.ts";
import type { Platform } from "../platform.ts";
import { choosePlatform, platformsOf } from "./choose-platform.ts";
import type { IndexRow } from "./documents.ts";

const AMD64: Platform = { os: "linux", architecture: "amd64" };
const ARM64: Platform = { os: "linux", architecture: "arm64" };

/** `os/architecture[/variant]`, or "" for a row without a platform; its digest is its name. */
function row(name: string): IndexRow {
  const [os = "", architecture = "", variant] = name.split("/");
  const platform = name === "" ? undefined : { os, architecture, variant };
  return { mediaType: "m", digest: name as Digest, size: 1, platform };
}

test.for([
  { rows: ["linux/arm64", "linux/amd64"], platform: AMD64, chosen: "linux/amd64" },
  { rows: ["linux/amd64/v3", "linux/amd64/v1"], platform: AMD64, chosen: "linux/amd64/v1" },
  { rows: ["linux/amd64/v3", "linux/amd64"], platform: AMD64, chosen: "linux/amd64" },
  { rows: ["linux/amd64/v3"], platform: AMD64, chosen: undefined },
  { rows: ["linux/arm/v7", "linux/arm64/v8"], platform: ARM64, chosen: "linux/arm64/v8" },
  { rows: ["linux/arm64", "linux/arm64/v8"], platform: ARM64, chosen: "linux/arm64/v8" },
  { rows: ["windows/amd64", "unknown/unknown"], platform: AMD64, chosen: undefined },
  { rows: [""], platform: ARM64, chosen: "" },
  { rows: ["", "linux/amd64"], platform: ARM64, chosen: undefined },
  { rows: [], platform: AMD64, chosen: undefined },
])("of $rows for $platform.architecture: $chosen", ({ rows, platform, chosen }) => {
  expect(choosePlatform(rows.map(row), platform)?.digest).toBe(chosen);
});

test("attestations are no platform to offer", () => {
  expect(platformsOf(["linux/arm/v7", "unknown/unknown", "linux/amd64", "linux/amd64"].map(row))).toEqual([
    "linux/arm/v7",
    "linux/amd64",
  ]);
});
