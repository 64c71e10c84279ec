import type { ChosenWheel } from "../ecosystems/python/lock.ts";
import type { Interpreter } from "../ecosystems/python/target.ts";
import { wheelRecipe } from "../ecosystems/python/transcode.ts";
import { venvSegment } from "../ecosystems/python/wheel/venv.ts";
import type { Segment } from "../layer/segment.ts";
import { segmentId } from "../layer/segment-id.ts";
import { ensureSegments, type Locate, type WantedSegment } from "./segments.ts";
import type { Workbench } from "./workbench.ts";

/**
 * From this uncompressed size on a wheel's own layer is described while it is transcoded, since by default it will stand
 * alone (`DEFAULT_THRESHOLDS.heavyBytes`); below, hashing it twice costs less than 0.1 s.
 */
const DESCRIBE_ABOVE = 32_000_000;

/** The chosen wheels as segments, sorted by name. */
export async function wheelSegments(
  wheels: readonly ChosenWheel[],
  bench: Workbench,
  locate: Locate,
): Promise<Segment[]> {
  return ensureSegments(wheels.map(wantedWheel), bench, locate);
}

export function wantedWheel({ name, version, wheel, directUrl }: ChosenWheel): WantedSegment {
  const { sha256: digest, filename, sizeBytes, url, path } = wheel;
  const urls = path !== undefined ? [new URL(`file://${path}`).href] : url === undefined ? [] : [url];
  return {
    id: segmentId(wheelRecipe(digest, filename, directUrl)),
    name: `${name} ${version}`,
    archive: { urls, digest, name: filename, ...(sizeBytes !== undefined && { sizeBytes }) },
    job: {
      kind: "wheel",
      archive: digest,
      filename,
      describeAbove: DESCRIBE_ABOVE,
      ...(directUrl !== undefined && { directUrl }),
    },
  };
}

/** The environment around the wheels; so small that it is made each time. */
export function venvFor(interpreter: Interpreter, bench: Workbench): Segment {
  const segment = venvSegment(interpreter, bench.store.blobs);
  bench.lease.protect(segment.blobs);
  if (!bench.store.segments.has(segment.id)) bench.store.segments.put(segment);
  return segment;
}
