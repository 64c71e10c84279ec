import { z } from "zod";
import type { PortableBuild } from "./portable-build.ts";

/** A longer text is nothing that a build says. */
const MAX_TEXT = 4_096;

/** No build has more; what compares them need not be ready for it. */
const MAX_STEPS = 500;
const MAX_STAGES = 200;

const text = z.string().max(MAX_TEXT);
const texts = z.array(text);
const time = z.number().nonnegative();

const step = z.object({
  line: z.int().nonnegative(),
  text,
  op: z.enum(["base", "packages", "diff", "run", "copy", "workdir", "merge"]),
  outcome: z.enum(["hit", "miss", "failed", "stopped"]),
  key: text.exactOptional(),
  contents: texts,
  tookMs: time,
});

const stage = z.object({
  name: text,
  on: z.int().nonnegative().exactOptional(),
  steps: z.array(step).max(MAX_STEPS),
});

const build = z.object({
  version: z.literal(1),
  id: text,
  project: text,
  source: text,
  target: text.exactOptional(),
  startedMs: time,
  tookMs: time,
  outcome: z.enum(["built", "failed", "stopped"]),
  digest: text.exactOptional(),
  images: z.array(z.object({ platform: text, stages: z.array(stage).max(MAX_STAGES) })),
});

const layoutVersions = z.record(z.string(), z.number());
const mount = z.looseObject({
  type: z.enum(["bind", "cache", "tmpfs", "secret", "ssh"]),
  target: text.exactOptional(),
});

const run = z.object({
  version: z.literal(1),
  op: z.literal("run"),
  platform: text,
  argv: texts,
  env: z.array(z.tuple([text, text])),
  cwd: text,
  user: text,
  network: text,
  security: text,
  mounts: z.array(mount),
  scripts: z.array(z.object({ path: text, content: text })),
  sourceDateEpoch: z.number().exactOptional(),
  below: texts,
});

const source = z.looseObject({
  kind: text,
  from: z.looseObject({ kind: text, stage: z.int().exactOptional() }).exactOptional(),
});

const files = z.object({
  version: z.literal(1),
  layoutVersions,
  step: z.looseObject({ op: z.enum(["copy", "workdir"]), sources: z.array(source).exactOptional() }),
  sources: texts,
  below: texts,
  mtimeSec: z.number(),
});

const merge = z.object({
  op: z.literal("merge"),
  layoutVersions,
  mtimeSec: z.number(),
  below: texts,
  merged: z.array(z.object({ name: text, contents: texts })),
});

const diff = z.object({
  op: z.literal("diff"),
  layoutVersions,
  mtimeSec: z.number(),
  lower: texts,
  upper: texts,
});

const base = z.object({ op: z.literal("base"), reference: text, digest: text });

const packages = z.object({
  op: z.literal("packages"),
  platform: text,
  layoutVersions,
  base: text,
  baseDigest: text.exactOptional(),
  python: text.exactOptional(),
  bytecode: z.boolean(),
  packages: z.array(
    z.object({ ecosystem: z.enum(["debian", "python"]), name: text, version: text, archive: text }),
  ),
  files: texts,
  created: text,
  settings: z.unknown(),
});

const listed = z.object({
  path: text,
  type: text,
  mode: z.int(),
  uid: z.int(),
  gid: z.int(),
  content: text.exactOptional(),
});

const portable = z.object({
  version: z.literal(1),
  salt: text,
  build,
  documents: z.record(z.string(), z.union([run, files, merge, diff, base, packages])),
  listings: z.record(z.string(), z.array(listed)),
  bounds: z.record(z.string(), z.object({ source: text, contents: texts })),
});

/** A build as another machine told it; undefined for anything else, however it came to be. */
export function readPortableBuild(document: unknown): PortableBuild | undefined {
  // As it is, so that who passes it on says the same.
  return portable.safeParse(document).success ? (document as PortableBuild) : undefined;
}
