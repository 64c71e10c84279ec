import { z } from "zod";
import type { Digest } from "../layer/digest.ts";

/** What a manifest or index leads to. */
export type Linked = {
  readonly digest: Digest;
  readonly mediaType?: string | undefined;
  /** Bytes. */
  readonly size?: number | undefined;
};

const link = z.looseObject({
  digest: z
    .string()
    .regex(/^sha256:[0-9a-f]{64}$/)
    .transform((text) => text as Digest),
  mediaType: z.string().optional(),
  size: z.int().min(0).optional(),
});
const links = z.looseObject({
  config: link.optional(),
  layers: z.array(link).optional(),
  manifests: z.array(link).optional(),
});

/** Config, layers and manifests of any tool's manifest or index; none of what is neither. */
export function linkedBy(bytes: Uint8Array): readonly Linked[] {
  const parsed = links.safeParse(parsedJson(bytes));
  if (!parsed.success) return [];
  const { config, layers = [], manifests = [] } = parsed.data;
  return [...(config === undefined ? [] : [config]), ...layers, ...manifests];
}

function parsedJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    return undefined;
  }
}
