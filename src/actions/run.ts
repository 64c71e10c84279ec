import { mkdirSync, rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { arch } from "node:os";
import { join } from "node:path";
import { runImage } from "../engine/embedded/run.ts";
import { findRuntime } from "../engine/embedded/runtime.ts";
import { type LoadedImage, loadImage } from "../image/load.ts";
import { extractRootfs } from "../image/outputs/rootfs.ts";
import { type Platform, parsePlatform } from "../platform.ts";
import { build } from "./build.ts";
import { openedStore } from "./session.ts";
import type { RunSettings } from "./settings.ts";
import { openSource } from "./source.ts";

/**
 * Runs an image, or builds the project first; answers the exit code of the process inside.
 * @throws CambiumError `RUNTIME_MISSING` (before anything is built), and as `build` and `runImage`.
 */
export async function run(settings: RunSettings): Promise<number> {
  const searchPath = settings.env.PATH ?? "";
  findRuntime(searchPath);
  const platform =
    settings.platforms[0] ?? parsePlatform(`linux/${arch() === "arm64" ? "arm64" : "amd64"}`, "this machine");
  const image = settings.image ?? (await buildFirst(settings, platform));
  const store = openedStore(settings);
  const folder = join(store.root, "run");
  mkdirSync(folder, { recursive: true });
  // Short, since overlay options and sockets live below it.
  const workDir = await mkdtemp(join(folder, "r-"));
  try {
    const source = await openSource(image, settings.cwd, store);
    const rootfsDir = join(workDir, "rootfs");
    let loaded: LoadedImage;
    try {
      loaded = await loadImage(source, platform);
      await extractRootfs(loaded, rootfsDir, settings.emit, { signal: settings.signal });
    } finally {
      await source.close();
    }
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
        searchPath,
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
    store.close();
  }
}

async function buildFirst(settings: RunSettings, platform: Platform): Promise<string> {
  const { digest } = await build({ ...settings, platforms: [platform], tags: [], outputs: [], push: false });
  return digest;
}
