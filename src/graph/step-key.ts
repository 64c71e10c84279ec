import { canonicalJson } from "../canonical-json.ts";
import { type Digest, digestOf } from "../layer/digest.ts";
import { formatPlatform, type Platform } from "../platform.ts";
import type { RunStep, StepMount } from "./stages.ts";

/** What a file tree is made of, bottom up, for keys: segment ids, diff ids, or digests of what was captured. */
export type ContentIds = readonly string[];

/**
 * All that decides what a RUN gives (DESIGN §4, content key). Absent on purpose: the id, seed and content of a cache
 * mount, the value of a secret, the proxies and the CA bundle that are lent, and how packages below are grouped.
 */
export type RunKeyDocument = {
  readonly version: 1;
  readonly op: "run";
  readonly platform: string;
  readonly argv: readonly string[];
  readonly env: readonly (readonly [name: string, value: string])[];
  readonly cwd: string;
  readonly user: string;
  readonly network: RunStep["network"];
  readonly security: RunStep["security"];
  readonly mounts: readonly MountKey[];
  readonly scripts: RunStep["scripts"];
  /** SOURCE_DATE_EPOCH rewrites the times of what a step leaves. */
  readonly sourceDateEpoch?: number;
  readonly below: ContentIds;
};

type MountKey =
  | { readonly type: "bind"; readonly target: string; readonly content: string; readonly isReadOnly: boolean }
  | { readonly type: "cache"; readonly target: string }
  | { readonly type: "tmpfs"; readonly target: string; readonly sizeBytes?: number }
  | { readonly type: "secret"; readonly id: string; readonly target?: string; readonly env?: string }
  | { readonly type: "ssh"; readonly id: string; readonly target: string };

/** @param contents of bind mounts by their target */
export function runKeyDocument(
  step: RunStep,
  input: {
    readonly platform: Platform;
    readonly below: ContentIds;
    readonly contents: ReadonlyMap<string, string>;
    readonly sourceDateEpoch?: number;
  },
): RunKeyDocument {
  const { argv, env, cwd, user, network, security, scripts } = step;
  const { platform, below, contents, sourceDateEpoch } = input;
  return {
    version: 1,
    op: "run",
    platform: formatPlatform(platform),
    ...{ argv, env, cwd, user, network, security, scripts },
    mounts: step.mounts.map((mount) => mountKey(mount, contents)),
    ...(sourceDateEpoch !== undefined && { sourceDateEpoch }),
    below,
  };
}

export function keyOf(document: RunKeyDocument): Digest {
  return digestOf(canonicalJson(document));
}

function mountKey(mount: StepMount, contents: ReadonlyMap<string, string>): MountKey {
  const { target } = mount;
  switch (mount.type) {
    case "bind": {
      const content = contents.get(mount.target);
      if (content === undefined) throw new TypeError(`no content for the mount at ${mount.target}`);
      return { type: "bind", target: mount.target, content, isReadOnly: mount.isReadOnly };
    }
    case "cache":
      return { type: "cache", target: mount.target };
    case "tmpfs":
      return {
        type: "tmpfs",
        target: mount.target,
        ...(mount.sizeBytes !== undefined && { sizeBytes: mount.sizeBytes }),
      };
    case "secret":
      return {
        type: "secret",
        id: mount.id,
        ...(target !== undefined && { target }),
        ...(mount.env !== undefined && { env: mount.env }),
      };
    case "ssh":
      return { type: "ssh", id: mount.id, target: mount.target };
  }
}
