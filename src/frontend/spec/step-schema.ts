import { z } from "zod";
import { env, fromImage, id, mode, noNul, owner, stageName, text } from "./primitives.ts";

/** Which keys a mount of each type has, besides `type`. */
export const MOUNT_KEYS = {
  bind: ["target", "source", "stage", "image", "writable"],
  cache: ["target", "id", "sharing", "source", "stage", "image", "readonly", "mode", "uid", "gid"],
  tmpfs: ["target", "size"],
  secret: ["id", "target", "env", "required", "mode", "uid", "gid"],
  ssh: ["id", "target", "required", "mode", "uid", "gid"],
} as const;

const mountWords = {
  type: z.enum(["cache", "bind", "tmpfs", "secret", "ssh"]),
  target: text.optional().meta({
    description:
      "Where it is seen; relative to the command's folder. A secret's default is `/run/secrets/ID`, an agent's `/run/buildkit/ssh_agent.N`.",
  }),
  id: text.optional().meta({
    description: "Name of a secret or agent (default: `default`); of a cache, by default its target.",
  }),
  source: text.optional().meta({
    description: "What of the build context, stage or image is shown, or a new cache begins with.",
  }),
  stage: stageName.optional().meta({ description: "Shows this stage, or begins a new cache with it." }),
  image: fromImage.optional(),
  sharing: z
    .enum(["shared", "private", "locked"])
    .optional()
    .meta({ description: "Of a cache. Default: `shared`, or `locked` for the tools that need it." }),
  readonly: z.boolean().optional().meta({ description: "A cache that is only read." }),
  writable: z
    .boolean()
    .optional()
    .meta({ description: "Lets the command write where a bind mount is; what it writes is dropped." }),
  size: z
    .union([z.int().min(1), z.string().regex(/^\d+[kmg]?$/i, "must be a size such as 64m")])
    .optional()
    .meta({ description: "Of a tmpfs, at most." }),
  env: text
    .optional()
    .meta({ description: "The variable that holds the secret; no file then unless named." }),
  required: z.boolean().optional().meta({ description: "Fails where the secret or agent is not given." }),
  mode: mode.optional(),
  uid: id.optional(),
  gid: id.optional(),
};
const mount = z.strictObject(mountWords).meta({ examples: [{ type: "cache", target: "/root/.cache" }] });

const argv = z.array(noNul).min(1);
const runObject = z.strictObject({
  command: z
    .union([text, argv])
    .meta({ description: "A text for the shell, or a list of words that is run as it is." }),
  shell: argv.optional().meta({ description: 'Takes the text. Default: `["/bin/sh", "-c"]`.' }),
  mounts: z.array(mount).optional().meta({ description: "What the command sees besides the image." }),
  network: z
    .enum(["default", "host", "none"])
    .optional()
    .meta({ description: "Default: as `--network` says, else the host's." }),
  security: z
    .enum(["sandbox", "insecure"])
    .optional()
    .meta({ description: "`insecure` has all rights, and needs `--allow security.insecure`." }),
  user: z
    .union([text, id])
    .optional()
    .meta({ description: "Who runs it, of those that the image has. Default: root." }),
  workdir: text.optional().meta({ description: "Where it runs. Default: `workdir`, else `/`." }),
  env: env.optional(),
});

/** One command, or several. */
export const run = z.union([text, runObject, z.array(z.union([text, argv, runObject])).min(1)]).meta({
  description:
    "Commands that run while the image is built, after `copy`, in a sandbox of the build's own; what they change becomes a layer. A text goes to `/bin/sh -c`, a list inside the list is run as it is.",
  examples: [
    "make install",
    [{ command: "make install", mounts: [{ type: "cache", target: "/root/.cache" }] }, ["ldconfig"]],
  ],
});

const to = text.optional().meta({
  description: "Path in the image; with a slash at the end, a directory. Default: `workdir`.",
});

export const http = z
  .strictObject({
    url: z.url({ protocol: /^https?$/ }),
    to,
    checksum: z
      .string()
      .regex(/^sha256:[0-9a-f]{64}$/, "must be sha256: and 64 hex digits")
      .optional()
      .meta({ description: "Without it, what the URL gave first is kept in the lock." }),
    unpack: z.boolean().optional().meta({ description: "Unpacks a tar archive. Default: false." }),
    owner: owner.optional(),
    chmod: mode.optional(),
  })
  .meta({ description: "A file from the web." });

export const git = z
  .strictObject({
    url: text,
    to,
    ref: text
      .optional()
      .meta({ description: "Branch or tag. Default: the default branch. Its commit is kept in the lock." }),
    commit: z
      .string()
      .regex(/^([0-9a-f]{40}|[0-9a-f]{64})$/, "must be a whole commit id")
      .optional()
      .meta({ description: "Instead of `ref`; nobody is asked what it means." }),
    subdirectory: text.optional().meta({ description: "Only what is below this directory." }),
    owner: owner.optional(),
    chmod: mode.optional(),
  })
  .meta({ description: "The files of a git repository." });

export type RunSpec = z.infer<typeof run>;
export type RunItem = Exclude<RunSpec, readonly unknown[]> | Extract<RunSpec, readonly unknown[]>[number];
export type RunObject = z.infer<typeof runObject>;
export type MountSpec = z.infer<typeof mount>;
export type HttpSpec = z.infer<typeof http>;
export type GitSpec = z.infer<typeof git>;
