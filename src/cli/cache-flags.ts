import {
  type CacheFromSpec,
  type CacheToSpec,
  parseCacheFrom,
  parseCacheTo,
  resolvedSpec,
} from "../cache-spec.ts";

/** @throws CambiumError as `parseCacheFrom`. */
export function cacheFrom(text: string, cwd: string): CacheFromSpec {
  return resolvedSpec(parseCacheFrom(text, "--cache-from"), cwd);
}

/** @throws CambiumError as `parseCacheTo`. */
export function cacheTo(text: string, cwd: string): CacheToSpec {
  return resolvedSpec(parseCacheTo(text, "--cache-to"), cwd);
}
