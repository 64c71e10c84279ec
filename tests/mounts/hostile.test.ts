import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { MOUNT_LABEL, type MountSnapshot, snapshotImage } from "../../src/cache/mount-snapshot.ts";
import { writeOciLayout } from "../../src/image/outputs/oci-layout.ts";
import { digestOf, hexOf } from "../../src/layer/digest.ts";
import type { Layer } from "../../src/layer/layer.ts";
import { noteLayout } from "../../src/solve/lazy-layers.ts";
import type { MountRemotes } from "../../src/solve/mounts/mount-snapshots.ts";
import { MountSnapshots } from "../../src/solve/mounts/mount-snapshots.ts";
import { mountName } from "../../src/store/mounts.ts";
import { cambium } from "../support/command.ts";
import { AMD64 } from "../support/images.ts";
import { layerFromTar, layerOf } from "../support/layers.ts";
import { needs } from "../support/needs.ts";
import { block, tarOf } from "../support/tar-blocks.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { type MountPlace, mountPlace, USE } from "./mount-place.ts";

const good = layerOf({ path: "kept", file: "good\n" });

const snapshotOf = (layers: readonly Layer[], other: Partial<MountSnapshot> = {}): MountSnapshot => ({
  ...{ name: mountName(USE), id: USE.id, project: "p", owner: USE.owner, target: "/c", sharing: "shared" },
  root: { ...USE.owner, mtime: "1.000000000" },
  layers: layers.map((layer) => ({ ...layer, tarBytes: 1024 })),
  ...{ liveBytes: 1024, createdMs: 1, costs: { steps: {} } },
  ...other,
});

type Attack = { readonly what: string; readonly code: string; readonly layers: readonly Layer[] };
const attacks: readonly Attack[] = [
  {
    what: "a path out of the mount",
    code: "ARCHIVE_TRAVERSAL",
    layers: [layerOf({ path: "../x", file: "" })],
  },
  {
    what: "a file through a link out of the mount",
    code: "LAYER_PARENT",
    layers: [layerOf({ path: "out", link: "/out" }), layerOf({ path: "out/x", file: "" })],
  },
  {
    what: "a hard link out of it",
    code: "LAYER_LINK",
    layers: [layerOf({ path: "x", hardlink: "etc/passwd" })],
  },
  {
    what: "a size beyond all",
    code: "ARCHIVE_TRUNCATED",
    layers: [layerFromTar(tarOf(block({ name: "x", size: 2 ** 33 - 1 })))],
  },
  {
    what: "a whiteout that overlayfs would obey",
    code: "LAYER_OVERLAY",
    layers: [layerFromTar(tarOf(block({ name: "x", type: "3", device: [0, 0] })))],
  },
  { what: "a wrong diff id", code: "DIFF_ID_INVALID", layers: [{ ...good, diffId: layerOf().diffId }] },
  { what: "bytes that are no layer", code: "LAYER_DAMAGED", layers: [rubbish()] },
];

function rubbish(): Layer {
  const bytes = Buffer.from("no layer");
  const descriptor = { ...good.descriptor, digest: digestOf(bytes), size: bytes.length };
  return {
    ...{ descriptor, diffId: good.diffId },
    compressed: async function* () {
      yield bytes;
    },
  };
}

describe.runIf(needs("runc", "root"))("a snapshot that was made to mislead", () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let place: MountPlace;
  let layout: string;
  beforeEach(() => {
    folder = temporaryFolder();
    place = mountPlace(folder.at("store"));
    layout = folder.at("layout");
  });
  afterEach(() => {
    place[Symbol.dispose]();
    folder[Symbol.dispose]();
  });

  const write = async (snapshot: MountSnapshot, layers: readonly Layer[]) => {
    const set = { images: [snapshotImage(snapshot, layers, AMD64)] };
    await writeOciLayout(set, layout, { tags: [] }, () => undefined);
  };
  const restore = (...flags: readonly string[]) =>
    cambium(["mount", "restore", "/c", layout, "--project", "p", ...flags], { store: folder.at("store") });

  test.for(attacks)("$what: $code, and the mount stays as it was", async ({ code, layers }) => {
    const root = await place.write("echo mine > mine");
    await write(snapshotOf(layers), layers);
    const ran = await restore();
    expect(ran.stderr).toContain(`error[${code}]`);
    expect(ran.exitCode).toBe(1);
    expect(readdirSync(root)).toEqual(["mine"]);
    expect(place.mounts.isInUse(mountName(USE))).toBe(false);
    expect(existsSync("/out")).toBe(false);
  });

  test("damaged bytes in a layout are refused by their digest, and not kept", async () => {
    await write(snapshotOf([good]), [good]);
    const blob = join(layout, "blobs/sha256", hexOf(good.descriptor.digest));
    const bytes = readFileSync(blob);
    bytes[bytes.length - 1]! ^= 1;
    writeFileSync(blob, bytes);
    expect((await restore()).stderr).toContain("error[DIGEST_INVALID]");
    expect(place.store.blobs.has(good.descriptor.digest)).toBe(false);
    expect(place.mounts.list()).toEqual([]);
  });

  test("a label that is not ours is refused", async () => {
    const image = snapshotImage(snapshotOf([good]), [good], AMD64);
    const text = Buffer.from(image.config.bytes).toString("utf8");
    expect(text).toContain(MOUNT_LABEL);
    await write(snapshotOf([good], { name: "../../../etc" }), [good]);
    const ran = await restore();
    expect([ran.exitCode, ran.stderr]).toEqual([1, expect.stringContaining("error[MOUNT_SNAPSHOT]")]);
  });

  describe("in a build", () => {
    /** What the next step of a build would get for a mount without content. */
    const fetched = async (remotes: MountRemotes) => new MountSnapshots(remotes, place.bench).fetch(USE);
    const codes = () => place.events.flatMap((event) => (event.type === "warning" ? [event.code] : []));

    test("of another mount: a warning, and nothing", async () => {
      const other = snapshotOf([good], { name: mountName({ ...USE, id: "/other" }) });
      expect(await fetched({ find: async () => other })).toBeUndefined();
      expect(codes()).toEqual(["MOUNT_SNAPSHOT"]);
    });

    test("with a layer that nobody has: a warning, and nothing", async () => {
      expect(await fetched({ find: async () => snapshotOf([good]) })).toBeUndefined();
      expect(codes()).toEqual(["LAYER_GONE"]);
    });

    test("whose place fails: a warning, and it is asked once", async () => {
      let asked = 0;
      const remotes = {
        find: async () => {
          asked += 1;
          throw new Error("the remote is gone");
        },
      };
      const snapshots = new MountSnapshots(remotes, place.bench);
      expect([await snapshots.fetch(USE), await snapshots.fetch(USE)]).toEqual([undefined, undefined]);
      expect([asked, codes()]).toEqual([1, ["MOUNT_SNAPSHOT"]]);
    });

    test("right: its layers are here before the mount is locked", async () => {
      await write(snapshotOf([good]), [good]);
      noteLayout(place.store, good.descriptor.digest, layout);
      expect((await fetched({ find: async () => snapshotOf([good]) }))?.snapshot.name).toBe(mountName(USE));
      expect(place.store.blobs.has(good.descriptor.digest)).toBe(true);
      expect(codes()).toEqual([]);
    });

    test("a mount with content is not asked for", async () => {
      await place.write("echo mine > mine");
      const remotes = { find: async () => expect.fail("it was asked") };
      expect(await fetched(remotes)).toBeUndefined();
    });
  });
});
