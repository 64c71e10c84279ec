import { resolve } from "node:path";
import { type CacheFromSpec, type CacheToSpec, parseCacheFrom, parseCacheTo } from "../cache-spec.ts";

/** @throws CambiumError as `parseCacheFrom`. */
export function cacheFrom(text: string, cwd: string): CacheFromSpec {
  return resolved(parseCacheFrom(text, "--cache-from"), cwd);
}

/** @throws CambiumError as `parseCacheTo`. */
export function cacheTo(text: string, cwd: string): CacheToSpec {
  return resolved(parseCacheTo(text, "--cache-to"), cwd);
}

function resolved<Spec extends CacheFromSpec>(spec: Spec, cwd: string): Spec {
  const { place } = spec;
  if (place.kind === "registry") return spec;
  return { ...spec, place: { kind: "folder", path: resolve(cwd, place.path) } };
}
