import { type InspectedImage, inspectImage } from "../image/inspect.ts";
import type { ImageDescription, PlatformImageDescription } from "./results.ts";
import { withImages } from "./session.ts";
import type { InspectSettings } from "./settings.ts";
import { openSource } from "./source.ts";

/** What an image is made of: platforms, config, layers, and the packages in each. */
export async function inspect(settings: InspectSettings): Promise<ImageDescription> {
  return withImages(settings, async (access) => {
    const source = await openSource(settings.source, settings.cwd, access);
    try {
      const { signal, platform } = settings;
      const found = await inspectImage(source, { signal, ...(platform !== undefined && { platform }) });
      return { ...found, source: settings.source, images: found.images.map(describe) };
    } finally {
      await source.close();
    }
  });
}

function describe(image: InspectedImage): PlatformImageDescription {
  const { created, config } = image.config;
  return {
    platform: image.platform,
    digest: image.digest,
    sizeBytes: image.sizeBytes,
    config: {
      ...(created !== undefined && { created }),
      env: config?.Env ?? [],
      entrypoint: config?.Entrypoint ?? [],
      cmd: config?.Cmd ?? [],
      ...(config?.WorkingDir && { workdir: config.WorkingDir }),
      ...(config?.User && { user: config.User }),
      exposedPorts: Object.keys(config?.ExposedPorts ?? {}),
      volumes: Object.keys(config?.Volumes ?? {}),
      labels: config?.Labels ?? {},
    },
    layers: image.layers.map(({ mediaType, digest, diffId, sizeBytes, createdBy, contents }) => ({
      ...(createdBy !== undefined && { name: layerName(createdBy) }),
      mediaType,
      digest,
      diffId,
      sizeBytes,
      ...(contents !== undefined && { entries: contents.entries }),
      packages: contents?.packages ?? [],
    })),
  };
}

/** `cambium python numpy: numpy 2.1.0` → `python numpy`; the packages are listed by themselves. */
function layerName(createdBy: string): string {
  return createdBy.replace(/^cambium /, "").replace(/: .*$/s, "");
}
