import { createHash } from "node:crypto";
import { canonicalJson } from "../canonical-json.ts";
import type { Recipe, SegmentId } from "./segment.ts";

/**
 * Identity of a segment: sha256 hex of its recipe's canonical JSON, such as
 * `{"ecosystem":"python","layoutVersion":1,"options":{"scheme":"venv"},"source":"sha256:…"}`.
 */
export function segmentId(recipe: Recipe): SegmentId {
  return createHash("sha256").update(canonicalJson(recipe)).digest("hex") as SegmentId;
}
