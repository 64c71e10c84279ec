import { spawnSync } from "node:child_process";
import type { ConfigDocument } from "../../src/image/documents.ts";
import { toolOf } from "../support/needs.ts";
import type { Case } from "./cases.ts";

/** What `tests/tools/buildkit/dockerfile-oracle` answers: null stands for an empty list. */
export type Answer = {
  readonly error?: string;
  readonly text: string;
  readonly words: readonly string[] | null;
  readonly statements:
    | readonly {
        readonly instruction: string;
        readonly line: number;
        readonly original: string;
        readonly flags: readonly string[] | null;
        readonly heredocs:
          | readonly {
              readonly name: string;
              readonly expand: boolean;
              readonly chomp: boolean;
              readonly body: string;
            }[]
          | null;
      }[]
    | null;
  readonly count: number;
  readonly warnings: readonly { readonly code: string; readonly line: number }[] | null;
  readonly image?: {
    readonly author?: string;
    readonly config: NonNullable<ConfigDocument["config"]>;
    readonly history?: readonly { readonly created_by: string; readonly empty_layer?: boolean }[];
  };
  readonly runs: readonly OracleRun[] | null;
  readonly copies: readonly OracleCopy[] | null;
  readonly sources: Readonly<Record<string, string>> | null;
  readonly folders: readonly string[] | null;
  readonly inline: readonly string[] | null;
};

export type OracleRun = {
  readonly argv: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly user: string;
  readonly network: string;
  readonly security: string;
  readonly mounts: readonly OracleMount[] | null;
  readonly secrets: readonly string[] | null;
  readonly proxy: readonly string[] | null;
};

export type OracleMount = {
  readonly type: string;
  readonly target: string;
  readonly source?: string;
  readonly readOnly: boolean;
  readonly id?: string;
  readonly sharing?: string;
  readonly size?: number;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly optional?: boolean;
};

export type OracleCopy = {
  readonly source: string;
  readonly target: string;
  readonly mode: number;
  readonly modeStr: string;
  readonly owner: string;
  readonly unpack: boolean;
  readonly include: readonly string[] | null;
  readonly exclude: readonly string[] | null;
};

type Request =
  | {
      readonly Kind: "expand";
      readonly Text: string;
      readonly Escape: string;
      readonly Env: readonly string[];
    }
  | { readonly Kind: "parse"; readonly Text: string }
  | {
      readonly Kind: "build";
      readonly Text: string;
      readonly BuildArgs: Readonly<Record<string, string>>;
      readonly Target: string;
      readonly Images: Readonly<Record<string, unknown>>;
    };

/** What BuildKit makes of each request, in their order. */
export function ask(requests: readonly Request[]): Answer[] {
  const input = requests.map((request) => `${JSON.stringify(request)}\n`).join("");
  const result = spawnSync(toolOf("dockerfile-oracle"), { input, encoding: "utf8", maxBuffer: 1 << 28 });
  if (result.status !== 0) throw new Error(`dockerfile-oracle: ${result.status}: ${result.stderr}`);
  return result.stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Answer);
}

export function buildRequest(
  { text, buildArgs, target }: Case,
  images: Readonly<Record<string, unknown>>,
): Request {
  return {
    Kind: "build",
    Text: text,
    BuildArgs: Object.fromEntries(buildArgs),
    Target: target ?? "",
    Images: images,
  };
}

/** The images that the corpus stands on, by their names in full. */
export const images: Readonly<
  Record<string, { readonly author?: string; readonly config: ConfigDocument["config"] }>
> = {
  "docker.io/library/debian:latest": { config: { Env: ["PATH=/usr/bin:/bin"], Cmd: ["bash"] } },
  "docker.io/library/debian:1": { config: {} },
  "docker.io/library/debian:2": { config: {} },
  "docker.io/library/alpine:latest": { config: { Env: ["PATH=/bin"], WorkingDir: "/a" } },
  "docker.io/library/alpine:3": { config: { WorkingDir: "/" } },
  [`docker.io/library/debian@sha256:${"1".repeat(64)}`]: { config: {} },
  "localhost:5000/app:1": { config: { User: "app" } },
  "docker.io/library/triggers:latest": {
    config: { Env: ["A=base"], OnBuild: ["RUN from image $A", "COPY --from=alpine /x /y", "ENV T=1"] },
  },
  "docker.io/library/full:latest": {
    author: "Base Author",
    config: {
      Env: ["A=base", "B=base", "PATH=/base"],
      Cmd: ["base-cmd"],
      Entrypoint: ["base-entry"],
      User: "base",
      WorkingDir: "/base/dir",
      Labels: { own: "0", base: "label" },
      ExposedPorts: { "1/tcp": {} },
      Volumes: { "/base": {} },
      StopSignal: "SIGINT",
      Healthcheck: { Test: ["CMD", "base"], Interval: 1_000_000_000 },
      Shell: ["/base/sh", "-c"],
    },
  },
};
