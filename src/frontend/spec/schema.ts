import { z } from "zod";
import { env, fromImage, id, mode, noNul, owner, scalar, stageName, strings, text } from "./primitives.ts";
import { git, http, run } from "./step-schema.ts";

const accountName = z
  .string()
  // What useradd of Debian's shadow accepts by default, so that other tools in the image agree.
  .regex(/^[a-z_][a-z0-9_-]{0,31}$/, "must be lower-case letters, digits, _ or -, at most 32 of them");

const suite = z.enum(["bookworm", "trixie"]);
const debian = z
  .union([
    suite,
    z.strictObject({
      suite: suite.meta({
        description: "The Debian release: bookworm has Python 3.11, trixie has Python 3.13.",
      }),
      variant: z
        .enum(["standard", "distroless"])
        .optional()
        .meta({ description: "`distroless` has no shell and no coreutils. Default: `standard`." }),
      keep: z
        .array(z.enum(["man", "info", "locale", "doc"]))
        .optional()
        .meta({ description: "Parts of packages that are left out unless named here." }),
    }),
  ])
  .meta({
    description:
      "The base: Debian with its Python, computed from signed packages. Default: the newest release whose Python the project allows (`requires-python`, `.python-version`), so `trixie` when nothing is stated.",
    examples: ["bookworm", { suite: "trixie", variant: "distroless" }],
  });

const from = text.meta({
  description:
    "The base: an image of a registry, by tag or digest, or `oci-layout://FOLDER[:TAG]` of an image layout, in place of `debian`. Its layers keep their bytes, and its settings are inherited as Docker does. `scratch` is nothing at all.",
  examples: ["python:3.12-slim", "registry.example/team/base@sha256:…"],
});

const debianPackage = z
  .string()
  // Debian policy §5.6.1.
  .regex(/^[a-z0-9][a-z0-9+.-]+$/, "must be a Debian package name: lower-case letters, digits, + - .");

const pythonObject = z.strictObject({
  requirements: strings.optional().meta({ description: "One or more requirements files." }),
  pylock: text.optional().meta({ description: "A `pylock.toml` (PEP 751)." }),
  uv: text.optional().meta({ description: "A `uv.lock`; its `pyproject.toml` stands beside it." }),
  poetry: text.optional().meta({ description: "A `poetry.lock`; its `pyproject.toml` stands beside it." }),
  pyproject: text.optional().meta({ description: "A `pyproject.toml`, whose dependencies are resolved." }),
  script: text.optional().meta({ description: "A script with inline metadata (PEP 723)." }),
  lock: text.optional().meta({ description: "A `cambium.lock`." }),
  packages: z.array(text).optional().meta({ description: "Dependency specifiers, such as `flask>=3`." }),
  extras: z.array(text).optional().meta({ description: "Extras of the project to install too." }),
  groups: z
    .array(text)
    .optional()
    .meta({ description: "Dependency groups to install too; none by default." }),
  bytecode: z.boolean().optional().meta({
    description:
      "Whether modules, those of the standard library among them, are compiled too, in layers of their own, so that the first import is fast. Default: false.",
  }),
});
const python = z.union([text, pythonObject]).meta({
  description:
    "Where the Python distributions are written; they go to a virtual environment at /opt/venv. A file name alone is taken for what it is called. Exactly one source.",
  examples: ["requirements.txt", { uv: "uv.lock", groups: ["prod"] }, { packages: ["flask>=3"] }],
});

const copyObject = z.strictObject({
  from: strings.meta({
    description:
      "Paths in the build context, or in the stage or image that is named; `*`, `?`, `[a-z]` and `**` are wildcards.",
  }),
  stage: stageName.optional().meta({ description: "Takes the files from this stage." }),
  image: fromImage.optional(),
  to: text.optional().meta({
    description:
      "Path in the image; relative ones start at `workdir`. With a slash at the end, a directory. Default: `workdir`.",
  }),
  owner: owner.optional(),
  chmod: mode.optional(),
  exclude: z.array(text).optional().meta({ description: "Patterns to leave out, as in .dockerignore." }),
});
const copyItem = z.union([text, copyObject]);
const copy = z.union([text, copyObject, z.array(copyItem)]).meta({
  description:
    "Files of the project, put above the packages, as Docker's COPY does. A string is `SOURCE` (goes to `workdir`) or `SOURCE:/DESTINATION`.",
  examples: [".", [".:/app", { from: "data/*.csv", to: "/data/", owner: "app" }]],
});

const label = z.record(text, scalar).meta({
  description: "Labels of the image, taken as written.",
  examples: [{ "org.opencontainers.image.licenses": "Apache-2.0" }],
});

const user = z.union([z.string().regex(/^[^:\s]+(:[^:\s]+)?$/, "must be user or user:group"), id]).meta({
  description:
    "Who runs the command: a name or number, with an optional `:group`. A name that is not in `users` nor Debian's is made, with uid 1000 or the next free.",
  examples: ["app", "1000:1000"],
});
const users = z
  .array(
    z.strictObject({
      name: accountName.meta({ description: "Name in passwd and group." }),
      uid: id.optional().meta({ description: "Default: 1000, or the next free one." }),
      gid: id.optional().meta({ description: "Default: as `uid`." }),
      home: z.string().startsWith("/").optional().meta({ description: "Default: `/home/NAME`." }),
      shell: z
        .string()
        .startsWith("/")
        .optional()
        .meta({ description: "Default: `/bin/sh`, or no login where there is no shell." }),
    }),
  )
  .meta({ description: "Accounts to make.", examples: [[{ name: "app", uid: 1000 }]] });

const argv = z.union([text, z.array(noNul).min(1)]);
const port = z.union([
  z.int().min(1).max(65_535),
  z.string().regex(/^\d{1,5}(\/(tcp|udp|sctp))?$/, "must be a port such as 8000 or 53/udp"),
]);
const volumePath = z.string().startsWith("/", "must be an absolute path");

const stepItem = z.strictObject({
  copy: copy.optional(),
  run: run.optional(),
  http: http.optional(),
  git: git.optional(),
  merge: z
    .union([stageName, z.array(stageName).min(1)])
    .optional()
    .meta({ description: "Lays what these stages hold over the files, in order." }),
});
const steps = z.array(stepItem).meta({
  description:
    "What changes the files above the packages, in this order; each item is one of `copy`, `run`, `http`, `git`, `merge`. In place of `copy` and `run` at the top.",
  examples: [[{ copy: "setup.sh:/" }, { run: "sh /setup.sh" }, { copy: "." }]],
});
const baseStage = stageName.meta({
  description: "The base: what a stage came to, in place of `debian` and `from`.",
  examples: ["build"],
});
const diff = z
  .strictObject({
    lower: stageName.meta({ description: "The stage to compare with." }),
    upper: stageName.meta({ description: "The stage whose changes are meant." }),
  })
  .meta({
    description: "The base: what one stage changed against another, and nothing else.",
    examples: [{ lower: "base", upper: "built" }],
  });
const apt = z.array(debianPackage).meta({
  description: "Debian packages beyond the base. Their maintainer scripts do not run.",
  examples: [["libgomp1", "curl"]],
});
const workdir = z
  .string()
  .startsWith("/", "must be an absolute path")
  .meta({
    description: "Where the command runs. Default: `/app` with Python, else `/`.",
    examples: ["/app"],
  });

/** What an image is that is composed of packages and files. */
const imageWords = {
  debian: debian.optional(),
  from: from.optional(),
  apt: apt.optional(),
  python: python.optional(),
  copy: copy.optional(),
  env: env.optional(),
  workdir: workdir.optional(),
  user: user.optional(),
  users: users.optional(),
  entrypoint: argv.optional().meta({
    description:
      "The part of the command that arguments of `run` do not replace. A string is split at spaces.",
    examples: [["python", "-m", "app"]],
  }),
  cmd: argv.optional().meta({
    description:
      "The command, or the arguments of `entrypoint`. A string is split at spaces; no shell is involved.",
    examples: ["python app.py", ["python", "app.py"]],
  }),
  label: label.optional(),
  expose: z
    .union([port, z.array(port)])
    .optional()
    .meta({
      description: "Ports that the program listens on; documentation for who runs it.",
      examples: [8000, ["8000", "53/udp"]],
    }),
  volume: z
    .union([volumePath, z.array(volumePath)])
    .optional()
    .meta({
      description: "Paths that hold data of their own at run time.",
      examples: ["/data"],
    }),
  stopSignal: z
    .union([
      z.string().regex(/^(SIG[A-Z0-9+-]+|\d{1,2})$/, "must be a signal such as SIGINT"),
      z.int().min(1).max(64),
    ])
    .optional()
    .meta({ description: "The signal that ends the program.", examples: ["SIGINT"] }),
};

const cache = z
  .strictObject({
    from: strings.optional().meta({
      description:
        "Where results of other machines are looked for: a registry reference, `./folder`, or what `--cache-from` takes.",
    }),
    to: strings.optional().meta({
      description:
        "Where results go for other machines: as `from`, with `,mounts=all|none|ID,…` for the cache mounts (default: all).",
    }),
  })
  .meta({
    description:
      "Places that caches travel through, besides those of `--cache-from` and `--cache-to`; of a stage, for its own commands and packages alone.",
    examples: [
      { from: "registry.example/app:cache", to: "registry.example/app:cache,mounts=none" },
      { from: ["./cache"], to: ["./cache"] },
    ],
  });

const stageWords = {
  ...imageWords,
  cache: cache.optional(),
  stage: baseStage.optional(),
  diff: diff.optional(),
  run: run.optional(),
  steps: steps.optional(),
};
const stages = z.record(stageName, z.strictObject(stageWords)).meta({
  description:
    "Images that are made on the way, by name, with the same words; `stage: NAME` takes files from one or stands on it. One that is not needed is not made.",
  examples: [{ build: { debian: "bookworm", apt: ["gcc", "libc6-dev"], run: "cc -o /app app.c" } }],
});

const ca = text.meta({
  description:
    "A PEM file, relative to the project, with all certificates that commands are to trust: they find it in place of the image's, and it is in no layer and no key. `--ca-bundle` goes before it.",
  examples: ["certificates/all.pem", "/etc/ssl/certs/ca-certificates.crt"],
});

const projectWords = {
  platforms: z
    .array(z.enum(["linux/amd64", "linux/arm64"]))
    .min(1)
    .optional()
    .meta({
      description: "What to build for; more than one gives an image index. Default: this machine's.",
    }),
  tags: strings.optional().meta({ description: "Names of the image, used when `-t` gives none." }),
  debianMirror: z
    .url({ protocol: /^https?$/ })
    .optional()
    .meta({
      description: "Where Debian packages come from. Default: the apt sources of this machine.",
    }),
  gitignore: z.boolean().optional().meta({
    description: "Whether .gitignore files keep files out of `copy`, besides .dockerignore. Default: false.",
  }),
  ca: ca.optional(),
};

/** All that `cambium.yaml` and the builder can say. Unknown keys are refused. */
export const specSchema = z.strictObject({ ...stageWords, stages: stages.optional(), ...projectWords });

/** `[tool.cambium]` of a pyproject.toml: the same words, and one that only makes sense there. */
export const toolSchema = z.strictObject({
  ...stageWords,
  stages: stages.optional(),
  ...projectWords,
  package: z.boolean().optional().meta({
    description: "Whether the project itself is installed. Default: when it has a build system.",
  }),
});

/** What people write, checked but not yet brought into one form. */
export type Spec = z.infer<typeof specSchema>;
export type ToolSettings = z.infer<typeof toolSchema>;
export type PythonSpec = z.infer<typeof pythonObject>;
export type CopySpec = z.infer<typeof copyObject>;
export type StepSpec = z.infer<typeof stepItem>;
/** A stage, or the image itself as far as its words are those of a stage. */
export type StageSpec = Pick<Spec, keyof typeof stageWords>;
