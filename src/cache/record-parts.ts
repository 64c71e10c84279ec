import { z } from "zod";
import type { DiffId, Digest } from "../layer/digest.ts";

/** What documents of records are made of. */
export const digest = z
  .string()
  .regex(/^sha256:[0-9a-f]{64}$/)
  .transform((text) => text as Digest);
export const diffId = digest.transform((text) => text as string as DiffId);
export const descriptor = z.object({ mediaType: z.string().min(1), digest, size: z.int().min(0) });
