import { statSync } from "node:fs";
import { join } from "node:path";
import { CambiumError } from "../../errors.ts";
import { CONSTANT_MTIME } from "../../layer/entry.ts";
import type { TarMember } from "../../layer/write-tar.ts";
import { type FileView, resolveInside } from "./inside.ts";
import { type OverlayKind, overlayMount } from "./overlay.ts";
import type { BindMount, TmpfsMount } from "./runtime-spec.ts";
import type { MountCommand } from "./sandbox.ts";

/** What a step finds at `target`, an absolute path; nothing of it enters the layer. */
export type EngineMount =
  /** `isReadOnly` false: writes are allowed and thrown away. */
  | {
      readonly type: "bind";
      readonly source: BindSource;
      readonly target: string;
      readonly isReadOnly: boolean;
    }
  /** A folder that steps share, as it is. */
  | {
      readonly type: "cache";
      readonly folder: string;
      readonly target: string;
      readonly isReadOnly: boolean;
    }
  | ({ readonly type: "tmpfs" } & TmpfsMount)
  /** A secret or a script: its bytes are in memory only. */
  | ({ readonly type: "file"; readonly content: Uint8Array; readonly target: string } & Owner)
  /** A socket of an ssh agent on the host. */
  | { readonly type: "ssh"; readonly socket: string; readonly target: string };

export type Owner = { readonly mode: number; readonly uid: number; readonly gid: number };

/** A folder or file of the host, or `path` in a stack of trees (bottom up, relative to the trees' folder). */
export type BindSource =
  | { readonly kind: "host"; readonly path: string }
  | { readonly kind: "trees"; readonly trees: readonly string[]; readonly path: string };

/** How one mount of a step comes about, in the order of these fields. */
export type PreparedMount = {
  readonly commands: readonly MountCommand[];
  /** Folders to make before, relative to the run's. */
  readonly folders: readonly string[];
  /** A file to copy there before. */
  readonly copy?: { readonly from: string; readonly to: string };
  /** Members to unpack into the run's folder, once it is mounted. */
  readonly members: readonly TarMember[];
  /** What the runtime does; `view` shows an image that the sandbox has mounted. */
  mount(view: ViewMount): BindMount | TmpfsMount;
};

/** The files of a stack of trees, which are mounted at an absolute path of the sandbox. */
export type ViewMount = (path: string, trees: readonly string[]) => FileView;

export type Place = {
  /** Absolute folder of the run; its `p` is a tmpfs. */
  readonly run: string;
  /** The same from the folder where mounts are made. */
  readonly near: string;
  readonly overlay: OverlayKind;
  readonly isVolatile: boolean;
  /** Mounts of the host may have flags that a plain user cannot take off; asking for the usual ones is always allowed. */
  readonly isRootless: boolean;
  /** An empty folder among the trees. */
  readonly emptyTree: string;
};

const NOTHING = { commands: [], folders: [], members: [] };

/** The `index`-th mount of a step; its name in the run's folder is made of that. */
export function prepareMount(mount: EngineMount, index: number, place: Place): PreparedMount {
  const name = `m${index}`;
  const bindOf = bindMaker(place);
  switch (mount.type) {
    case "tmpfs": {
      const { type: _, ...tmpfs } = mount;
      return { ...NOTHING, mount: () => tmpfs };
    }
    case "ssh":
      return { ...NOTHING, mount: () => bindOf(mount.socket, mount.target, false) };
    case "file": {
      const { mode, uid, gid, content, target } = mount;
      const entry = { type: "file", path: `p/${name}`, mode, uid, gid, size: content.length } as const;
      return {
        ...NOTHING,
        members: [{ entry, mtimeSec: CONSTANT_MTIME, content: [content] }],
        mount: () => bindOf(join(place.run, "p", name), target, true),
      };
    }
    case "cache":
      return { ...NOTHING, mount: () => bindOf(mount.folder, mount.target, mount.isReadOnly) };
    case "bind":
      return prepareBind(mount, name, place);
  }
}

function prepareBind(
  { source, target, isReadOnly }: Extract<EngineMount, { type: "bind" }>,
  name: string,
  place: Place,
): PreparedMount {
  const near = `${place.near}/${name}`;
  const bindOf = bindMaker(place);
  const changes = isReadOnly ? undefined : { upper: `${near}/u`, work: `${near}/w` };
  if (source.kind === "host") {
    if (isReadOnly) return { ...NOTHING, mount: () => bindOf(source.path, target, true) };
    if (!statSync(source.path).isDirectory()) {
      return {
        ...NOTHING,
        copy: { from: source.path, to: name },
        mount: () => bindOf(join(place.run, name), target, false),
      };
    }
    // The bind gives the folder a name that is free of what mount options cannot hold.
    return {
      commands: [
        bindCommand(source.path, `${near}/l`),
        overlayMount(place.overlay, [`${near}/l`], changes, `${near}/r`, place.isVolatile),
      ],
      folders: [name, `${name}/l`, `${name}/u`, `${name}/w`, `${name}/r`],
      members: [],
      mount: () => bindOf(join(place.run, name, "r"), target, false),
    };
  }
  const { trees, path } = source;
  // Without a folder for changes an overlay needs two others.
  const lowers = [place.emptyTree, ...trees];
  return {
    commands: [overlayMount(place.overlay, lowers, changes, `${near}/r`, place.isVolatile)],
    folders: [name, `${name}/u`, `${name}/w`, `${name}/r`],
    members: [],
    mount: (view) => {
      const root = join(place.run, name, "r");
      const found = resolveInside(view(root, trees), path);
      if (found === undefined) {
        throw new CambiumError(
          "MOUNT_SOURCE",
          `a mount at ${target}: nothing is at ${JSON.stringify(path)}`,
          {
            hint: "The path is looked up in the stage or image that `from` names.",
          },
        );
      }
      return bindOf(join(root, found), target, isReadOnly);
    },
  };
}

function bindMaker({ isRootless }: Place) {
  return (source: string, target: string, isReadOnly: boolean): BindMount => ({
    ...{ source, target, isReadOnly },
    isPlain: !isRootless,
  });
}

function bindCommand(source: string, target: string): MountCommand {
  return { type: "none", options: "bind", source, target };
}
