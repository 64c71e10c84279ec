import type { ImageSettings } from "../../src/image/config.ts";
import { assembleImage, type Image } from "../../src/image/image.ts";
import type { Layer } from "../../src/layer/layer.ts";
import type { Platform } from "../../src/platform.ts";

export const AMD64: Platform = { os: "linux", architecture: "amd64" };
export const ARM64: Platform = { os: "linux", architecture: "arm64" };
export const PLAIN_SETTINGS: ImageSettings = { env: [], labels: {}, exposedPorts: [], volumes: [] };

/** An image of hand-made layers at a constant time. */
export function imageOf(
  layers: readonly Layer[],
  settings: Partial<ImageSettings> = {},
  platform: Platform = AMD64,
): Image {
  return assembleImage({
    platform,
    config: { ...PLAIN_SETTINGS, ...settings },
    layers: layers.map((layer, number) => ({ layer, history: { createdBy: `layer ${number + 1}` } })),
    created: "2020-01-01T00:00:00Z",
  });
}
