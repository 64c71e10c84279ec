import { mkdirSync, rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { runImage } from "../engine/embedded/run.ts";
import { findRuntime } from "../engine/embedded/runtime.ts";
import { type LoadedImage, loadImage } from "../image/load.ts";
import { extractRootfs } from "../image/outputs/rootfs.ts";
import { machinePlatform, type Platform } from "../platform.ts";
import { build } from "./build.ts";
import { type ImageAccess, withImages } from "./session.ts";
import { NO_DOCKERFILE_SETTINGS, type RunSettings } from "./settings.ts";
import { openSource } from "./source.ts";

/**
 * Runs an image, or builds the project first; answers the exit code of the process inside.
 * @throws CambiumError `RUNTIME_MISSING` (before anything is built), and as `build` and `runImage`.
 */
export async function run(settings: RunSettings): Promise<number> {
  findRuntime(settings.env.PATH ?? "");
  const platform = settings.platforms[0] ?? machinePlatform();
  // The build is within, so that no prune comes between it and the run.
  return withImages(settings, async (access) => {
    const image = settings.image ?? (await buildFirst(settings, platform));
    return runIn(settings, image, platform, access);
  });
}

async function runIn(
  settings: RunSettings,
  image: string,
  platform: Platform,
  access: ImageAccess,
): Promise<number> {
  const { store } = access;
  const folder = join(store.root, "run");
  mkdirSync(folder, { recursive: true });
  // Short, since overlay options and sockets live below it.
  const workDir = await mkdtemp(join(folder, "r-"));
  try {
    const source = await openSource(image, settings.cwd, access);
    const rootfsDir = join(workDir, "rootfs");
    let loaded: LoadedImage;
    try {
      loaded = await loadImage(source, platform);
      await extractRootfs(loaded, rootfsDir, settings.emit, { signal: settings.signal });
    } finally {
      await source.close();
    }
    // It may run for days, and needs nothing of the store.
    access.release();
    const { entrypoint, workdir, user } = settings;
    return await runImage(
      {
        rootfsDir,
        workDir,
        config: loaded.config.config ?? {},
        args: settings.args,
        env: settings.envOverrides,
        ...(entrypoint !== undefined && { entrypoint }),
        ...(workdir !== undefined && { workdir }),
        ...(user !== undefined && { user }),
        searchPath: settings.env.PATH ?? "",
        network: settings.network,
        volumes: settings.volumes,
        hasStdin: settings.isInteractive,
        hasTerminal: settings.isInteractive && settings.hasTerminal,
        signal: settings.signal,
      },
      settings.emit,
    );
  } finally {
    rmSync(workDir, { recursive: true, force: true });
  }
}

async function buildFirst(settings: RunSettings, platform: Platform): Promise<string> {
  const { digest } = await build({
    ...settings,
    platforms: [platform],
    tags: [],
    outputs: [],
    push: false,
    cacheFrom: [],
    cacheTo: [],
    dockerfile: NO_DOCKERFILE_SETTINGS,
  });
  return digest;
}
