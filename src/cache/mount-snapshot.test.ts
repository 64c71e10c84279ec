import { describe, expect, test } from "vitest";
import { configSchema } from "../image/documents.ts";
import { digestOf } from "../layer/digest.ts";
import type { Layer } from "../layer/layer.ts";
import { ZSTD_LAYER_MEDIA_TYPE } from "../layer/layer.ts";
import { MOUNT_LABEL, type MountSnapshot, readMountSnapshot, snapshotImage } from "./mount-snapshot.ts";

const platform = { os: "linux", architecture: "amd64" } as const;
const record = (name: string) => {
  const digest = digestOf(name);
  const descriptor = { mediaType: ZSTD_LAYER_MEDIA_TYPE, digest, size: 7 };
  return { descriptor, diffId: digestOf(`${name} tar`) as string as Layer["diffId"], tarBytes: 2048 };
};
const snapshot: MountSnapshot = {
  ...{ name: "0123456789abcdef01234567", id: "/root/.cache/pip", project: "git host.example/app" },
  owner: { mode: 0o755, uid: 0, gid: 0 },
  ...{ target: "/root/.cache/pip", sharing: "shared" },
  root: { mode: 0o711, uid: 1, gid: 2, mtime: "1700000000.123456789" },
  layers: [record("a"), record("b")],
  ...{ liveBytes: 4096, createdMs: 1_700_000_000_000 },
  costs: {
    restore: { bytes: 14, ms: 3 },
    losses: 1,
    steps: { "0123456789abcdef": { coldMs: 5, warmMs: 1 } },
  },
};
const layers = snapshot.layers.map(
  (one): Layer => ({
    ...one,
    compressed: async function* () {
      yield new Uint8Array();
    },
  }),
);

/** As a reader has it, with its label changed. */
function read(image: ReturnType<typeof snapshotImage>, change: (label: string) => string = (label) => label) {
  const config = configSchema.parse(JSON.parse(Buffer.from(image.config.bytes).toString("utf8")));
  const labels = config.config!.Labels!;
  labels[MOUNT_LABEL] = change(labels[MOUNT_LABEL]!);
  return readMountSnapshot({ config, layers: image.layers }, "test");
}

describe("the image of a snapshot", () => {
  test("says all that was put into it", () => {
    const image = snapshotImage(snapshot, layers, platform);
    expect(read(image)).toEqual(snapshot);
    const config = JSON.parse(Buffer.from(image.config.bytes).toString("utf8"));
    expect(config.rootfs.diff_ids).toEqual(snapshot.layers.map(({ diffId }) => diffId));
    expect(config.created).toBe("2023-11-14T22:13:20Z");
  });

  test("is the same bytes each time, and another with other costs only", () => {
    const digest = (costs: MountSnapshot["costs"]) =>
      snapshotImage({ ...snapshot, costs }, layers, platform).manifest.descriptor.digest;
    expect(digest(snapshot.costs)).toBe(digest({ ...snapshot.costs }));
    expect(digest({ steps: {} })).not.toBe(digest(snapshot.costs));
  });

  test("keeps the path of a folder of this machine to itself", () => {
    const here = { ...snapshot, project: "folder /home/ada/secret-project" };
    const image = snapshotImage(here, layers, platform);
    expect(Buffer.from(image.config.bytes).toString("utf8")).not.toContain("secret-project");
    expect(read(image)).not.toHaveProperty("project");
  });

  test("of an empty mount has no layer", () => {
    const empty = { ...snapshot, layers: [], costs: { steps: {} } };
    expect(read(snapshotImage(empty, [], platform))).toEqual(empty);
  });
});

test("any other image is no snapshot", () => {
  const config = configSchema.parse({
    ...{ architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: [] } },
  });
  expect(readMountSnapshot({ config, layers: [] }, "test")).toBeUndefined();
});

test.for<[string, (label: string) => string, string]>([
  ["no JSON", () => "{", "document"],
  ["a newer version", (label) => label.replace('"version":1', '"version":2'), "version"],
  ["a name that leads elsewhere", (label) => label.replace(snapshot.name, "../../../../etc"), "name"],
  ["an absurd mode", (label) => label.replace('"mode":457', '"mode":99999'), "root.mode"],
  ["an absurd owner", (label) => label.replace('"uid":1', '"uid":1e15'), "root.uid"],
  ["a time that is none", (label) => label.replace(".123456789", ".1"), "root.mtime"],
  ["fewer layers than there are", (label) => label.replace("[2048,2048]", "[2048]"), "1 layers, and has 2"],
  [
    "more layers than anybody has",
    (label) => label.replace("[2048,2048]", JSON.stringify(Array(200).fill(1))),
    "tarBytes",
  ],
  ["negative sizes", (label) => label.replace("[2048,2048]", "[2048,-1]"), "tarBytes.1"],
  ["costs without end", (label) => label.replace('"coldMs":5', '"coldMs":1e300'), "coldMs"],
  ["more text than a label has", (label) => label.replace("{", `{${" ".repeat(70_000)}`), "document"],
  ["another way to share", (label) => label.replace('"sharing":"shared"', '"sharing":"all"'), "sharing"],
])("a label with %s is refused", ([, change, quoted]) => {
  const image = snapshotImage(snapshot, layers, platform);
  expect(() => read(image, change)).toThrow(
    expect.objectContaining({ code: "MOUNT_SNAPSHOT", message: expect.stringContaining(quoted) }),
  );
});
