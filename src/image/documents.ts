import { z } from "zod";
import type { DiffId, Digest } from "../layer/digest.ts";

/** The JSON documents of an image as they come from outside, with what we rely on (image-spec, schema/). */
const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/, "not sha256: and 64 lower-case hex digits");
const size = z.int().min(0);
const annotations = z.record(z.string(), z.string()).optional();

/** Branding is safe here: the pattern is `parseDigest`'s. */
const digestSchema = digest.transform((text) => text as Digest);
const diffIdSchema = digest.transform((text) => text as string as DiffId);

const descriptorSchema = z.object({
  mediaType: z.string().min(1),
  digest: digestSchema,
  size,
  annotations,
});

const platformSchema = z.object({
  os: z.string().min(1),
  architecture: z.string().min(1),
  variant: z.string().optional(),
});

export const indexSchema = z.object({
  schemaVersion: z.literal(2),
  mediaType: z.string().optional(),
  manifests: z.array(
    descriptorSchema.extend({ platform: platformSchema.optional(), artifactType: z.string().optional() }),
  ),
  annotations,
});
/** One row of an index. */
export type IndexRow = z.infer<typeof indexSchema>["manifests"][number];

export const manifestSchema = z.object({
  schemaVersion: z.literal(2),
  mediaType: z.string().optional(),
  artifactType: z.string().optional(),
  config: descriptorSchema,
  layers: z.array(descriptorSchema),
  annotations,
});
export type ManifestDocument = z.infer<typeof manifestSchema>;

const texts = z.array(z.string()).nullish();
const keys = z.record(z.string(), z.unknown()).nullish();

export const configSchema = z.object({
  created: z.iso.datetime({ offset: true }).optional(),
  architecture: z.string().min(1),
  os: z.string().min(1),
  variant: z.string().optional(),
  config: z
    .object({
      User: z.string().nullish(),
      ExposedPorts: keys,
      Env: z.array(z.string().regex(/^[^=]+=/, "not NAME=value")).nullish(),
      Entrypoint: texts,
      Cmd: texts,
      Volumes: keys,
      WorkingDir: z.string().nullish(),
      Labels: z.record(z.string(), z.string()).nullish(),
      StopSignal: z.string().nullish(),
      // Docker's additions, which are handed down as they are.
      Healthcheck: z.record(z.string(), z.unknown()).nullish(),
      Shell: texts,
      OnBuild: texts,
    })
    .nullish(),
  rootfs: z.object({ type: z.literal("layers"), diff_ids: z.array(diffIdSchema) }),
  history: z
    .array(
      z.object({
        created: z.string().optional(),
        created_by: z.string().optional(),
        comment: z.string().optional(),
        author: z.string().optional(),
        empty_layer: z.boolean().optional(),
      }),
    )
    .nullish(),
});
export type ConfigDocument = z.infer<typeof configSchema>;

/** `a.b.0: what is wrong`, all of them in one line. */
export function describeIssues(error: z.ZodError): string {
  return error.issues.map((issue) => `${issue.path.join(".") || "document"}: ${issue.message}`).join("; ");
}
