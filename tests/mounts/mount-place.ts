import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type MountSnapshot, readMountSnapshot, snapshotImage } from "../../src/cache/mount-snapshot.ts";
import { createEngine, type Engine } from "../../src/engine/embedded/engine.ts";
import type { BuildEvent } from "../../src/events.ts";
import { loadImage } from "../../src/image/load.ts";
import { writeOciLayout } from "../../src/image/outputs/oci-layout.ts";
import { openLayoutFolder } from "../../src/image/sources/layout-folder.ts";
import { createRegistryAccess } from "../../src/registry/access.ts";
import { lazyLayer, noteLayout } from "../../src/solve/lazy-layers.ts";
import { restoreMount } from "../../src/solve/mounts/restore-mount.ts";
import { type SnapshotResult, snapshotMount } from "../../src/solve/mounts/snapshot-mount.ts";
import { Mounts, type MountUse } from "../../src/store/mounts.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import { AMD64 } from "../support/images.ts";

export const USE: MountUse = {
  ...{ id: "/c", project: "p", target: "/c", sharing: "shared", hasSeed: false },
  owner: { mode: 0o755, uid: 0, gid: 0 },
};

/** A machine's store with an engine, in this process. */
export type MountPlace = Disposable & {
  readonly store: Store;
  readonly engine: Engine;
  readonly mounts: Mounts;
  readonly events: BuildEvent[];
  readonly bench: ReturnType<typeof benchOf>;
  /** Runs a shell script in the mount, as a step would that has it; gives its folder. */
  write(script: string, use?: MountUse): Promise<string>;
  snapshot(name: string): Promise<SnapshotResult>;
  /** Writes the snapshot into an image layout. */
  publish(snapshot: MountSnapshot, layout: string): Promise<void>;
  /** Fills a mount that is not there from an image layout; gives its folder. */
  restore(layout: string, use?: MountUse): Promise<string>;
};

function benchOf(store: Store, events: BuildEvent[]) {
  const emit = (event: BuildEvent) => void events.push(event);
  const { signal } = new AbortController();
  const registries = createRegistryAccess({ env: {}, emit });
  return { store, lease: store.lease(), emit, signal, registries };
}

export function mountPlace(root: string): MountPlace {
  mkdirSync(root, { recursive: true });
  const store = openStore(root);
  const engine = createEngine({ store, searchPath: process.env.PATH ?? "" });
  const mounts = new Mounts(store);
  const events: BuildEvent[] = [];
  const bench = benchOf(store, events);
  const make = (folder: string) => engine.makeFolder(folder, { owner: USE.owner });
  return {
    ...{ store, engine, mounts, events, bench },
    async write(script, use = USE) {
      const held = await mounts.acquire(use, make);
      try {
        execFileSync("sh", ["-euc", script], { cwd: held.folder, stdio: ["ignore", "inherit", "inherit"] });
        return held.folder;
      } finally {
        held.release();
      }
    },
    snapshot: (name) =>
      snapshotMount(name, engine, bench, {
        isReachable: ({ descriptor }) => store.blobs.has(descriptor.digest),
      }),
    async publish(snapshot, layout) {
      const layers = snapshot.layers.map((layer) => lazyLayer(layer, bench));
      await writeOciLayout(
        { images: [snapshotImage(snapshot, layers, AMD64)] },
        layout,
        { tags: [] },
        bench.emit,
      );
    },
    async restore(layout, use = USE) {
      const snapshot = await snapshotIn(layout);
      for (const { descriptor } of snapshot.layers) noteLayout(store, descriptor.digest, layout);
      const held = await mounts.acquire(use, async (folder, name) => {
        await restoreMount(name, folder, snapshot, engine, bench);
      });
      held.release();
      return held.folder;
    },
    [Symbol.dispose]() {
      engine.close();
      bench.lease.release();
      store.close();
    },
  };
}

export async function snapshotIn(layout: string): Promise<MountSnapshot> {
  const snapshot = readMountSnapshot(await loadImage(await openLayoutFolder(layout), AMD64), layout);
  if (snapshot === undefined) throw new Error(`no snapshot in ${layout}`);
  return snapshot;
}

const script = fileURLToPath(new URL("../support/exact-tree.py", import.meta.url));

/** A line for every path of a folder with all that a copy must keep, by Python. */
export function exactTree(folder: string): string[] {
  const options = { encoding: "utf8", maxBuffer: 1 << 28 } as const;
  return execFileSync("python3", [script, folder], options).trim().split("\n");
}

/** Everything that a file system can hold and a layer too, with names and times that are easily lost. */
export const EVERYTHING = `
mkdir -p d/e/f; printf x > "d/new
line"; echo 1 > d/f; ln d/f hard; ln -s d/f soft; ln -s /nowhere gone-link
printf hi > "$(printf 'bad\\377name')"; echo dash > ./-dash; mkdir 'with space'; : > 'with space/empty'
mkfifo pipe; truncate -s 3M sparse; printf end >> sparse; head -c 300000 /dev/urandom > random
python3 -c 'import os,socket
os.setxattr("d/f", "user.hi", b"the\\0re"); os.setxattr("with space", "user.dir", b"x")
socket.socket(socket.AF_UNIX).bind("socket")'
long=$(printf 'n%.0s' $(seq 200)); mkdir -p "$long/$long"; echo deep > "$long/$long/file"
chown 7:8 d/f; chmod 4751 d/f; chown -h 9:9 soft; chmod 1777 d; chmod 0 random; mkdir -m 0 closed
touch -d '2001-02-03 04:05:06.123456789' d/f; touch -h -d '1999-01-01 00:00:00.000000001' soft
touch -d '1965-05-05 05:05:05.5' 'with space/empty'; touch -d '2040-01-01 00:00:00.987654321' d/e
chmod 2711 .; chown 5:6 .; touch -d '2011-11-11 11:11:11.111111111' .
`;
