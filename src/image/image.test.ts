import { expect, test } from "vitest";
import { AMD64, ARM64, imageOf, PLAIN_SETTINGS } from "../../tests/support/images.ts";
import { layerOf } from "../../tests/support/layers.ts";
import { digestOf } from "../layer/digest.ts";
import { buildImageConfig, type ImageSettings } from "./config.ts";
import { blobsOf, imageSet, rootOf } from "./image.ts";

const layer = layerOf({ path: "a", file: "a" });
const configOf = (settings: Partial<ImageSettings>, created = "2020-01-01T00:00:00Z"): unknown =>
  JSON.parse(
    Buffer.from(
      buildImageConfig({
        platform: AMD64,
        config: { ...PLAIN_SETTINGS, ...settings },
        layers: [{ diffId: layer.diffId, history: { createdBy: "by", comment: "c" } }],
        created,
      }),
    ).toString(),
  );

test("the config says what the image-spec wants and nothing more", () => {
  const config = configOf({
    env: [
      ["B", "1"],
      ["A", "=x"],
      ["B", "2"],
    ],
    exposedPorts: ["8000", "53/udp"],
    volumes: ["/data"],
    workdir: "/app",
    user: "app",
    cmd: ["python", "app.py"],
    labels: { k: "v" },
    stopSignal: "SIGINT",
  });
  expect(config).toEqual({
    architecture: "amd64",
    os: "linux",
    created: "2020-01-01T00:00:00Z",
    config: {
      Env: ["B=2", "A==x"],
      ExposedPorts: { "8000/tcp": {}, "53/udp": {} },
      Volumes: { "/data": {} },
      WorkingDir: "/app",
      User: "app",
      Cmd: ["python", "app.py"],
      Labels: { k: "v" },
      StopSignal: "SIGINT",
    },
    rootfs: { type: "layers", diff_ids: [layer.diffId] },
    history: [{ created: "2020-01-01T00:00:00Z", created_by: "by", comment: "c" }],
  });
  expect(configOf({})).toMatchObject({ config: {} });
});

test.for([
  [{ env: [["A=B", "x"]] }, "A=B"],
  [{ env: [["", "x"]] }, '""'],
  [{ workdir: "app" }, "app"],
  [{ volumes: ["data"] }, "data"],
  [{ exposedPorts: ["0"] }, "0"],
  [{ exposedPorts: ["70000"] }, "70000"],
  [{ exposedPorts: ["80/icmp"] }, "80/icmp"],
] as const)("%j is refused", ([settings, value]) => {
  expect(() => configOf(settings)).toThrow(
    expect.objectContaining({ code: "CONFIG_INVALID", exitCode: 2, message: expect.stringContaining(value) }),
  );
});

test("a time that is not UTC in whole seconds is refused", () => {
  for (const created of ["2020-01-01", "2020-01-01T00:00:00+01:00", "2020-13-01T00:00:00Z"]) {
    expect(() => configOf({}, created)).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
  }
});

test("these bytes do not move", () => {
  const fixed = {
    ...layer,
    diffId: digestOf("t") as never,
    descriptor: { ...layer.descriptor, digest: digestOf("l"), size: 7 },
  };
  const image = imageOf([fixed], { labels: { b: "2", a: "1" } });
  expect(Buffer.from(image.manifest.bytes).toString()).toBe(
    `{"config":{"digest":"${image.config.descriptor.digest}","mediaType":"application/vnd.oci.image.config.v1+json","size":${image.config.bytes.length}},"layers":[{"digest":"${digestOf("l")}","mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","size":7}],"mediaType":"application/vnd.oci.image.manifest.v1+json","schemaVersion":2}`,
  );
  expect(image.manifest.descriptor.digest).toBe(digestOf(image.manifest.bytes));
  expect(Object.keys(JSON.parse(Buffer.from(image.config.bytes).toString()) as object)).toEqual([
    "architecture",
    "config",
    "created",
    "history",
    "os",
    "rootfs",
  ]);
});

test("an index stands around several images only, whatever their order", () => {
  const [amd, arm] = [imageOf([layer]), imageOf([layer], {}, ARM64)];
  expect(imageSet([amd]).index).toBeUndefined();
  expect(rootOf(imageSet([amd]))).toBe(amd.manifest);
  const set = imageSet([arm, amd]);
  expect(rootOf(set).bytes).toEqual(rootOf(imageSet([amd, arm])).bytes);
  const index = JSON.parse(Buffer.from(rootOf(set).bytes).toString()) as {
    manifests: { platform: unknown }[];
  };
  expect(index.manifests.map((row) => row.platform)).toEqual([
    { architecture: "amd64", os: "linux" },
    { architecture: "arm64", os: "linux" },
  ]);
  expect(blobsOf(set)).toHaveLength(6); // one layer, two configs, two manifests, the index
});
