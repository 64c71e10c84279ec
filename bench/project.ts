import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cambium, environment, type Program, type Ran, run } from "./command.ts";
import { copyStore, emptyFolder } from "./folders.ts";
import { startServer } from "./server-process.ts";
import { warmUp } from "./wheel-sets.ts";

/** Where the commands of one bench work: folders below `path`, and the servers that they ask. */
export type Site = AsyncDisposable & {
  readonly path: string;
  readonly indexUrl: string;
  /** A store that has the Debian base, uv and its cache, and nothing of the sets. */
  readonly preparedStore: string;
  /** Environment in which the local index is the only one. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly debianMirror: string;
};

/** Starts the servers and computes the base. */
export async function openSite(path: string, sets: readonly string[]): Promise<Site> {
  await using servers = new AsyncDisposableStack();
  const index = servers.use(await startServer("package-index-server.ts", [warmUp.name, ...sets]));
  const debian = servers.use(await startServer("debian-mirror-server.ts", []));
  const indexUrl = `${index.origin}/simple/`;
  const env = environment(emptyFolder(join(path, "home")), indexUrl);
  const parts = {
    path,
    indexUrl,
    env,
    preparedStore: join(path, "prepared-store"),
    debianMirror: `${debian.origin}/debian`,
  };
  const project = writeProject(join(path, "warm-up"), warmUp.pins.slice(0, 1));
  // Both, since each keeps compiled code of its own in the store.
  for (const program of ["bundle", "source"] as const)
    await build(parts, program, project, parts.preparedStore);
  const started = servers.move();
  return { ...parts, [Symbol.asyncDispose]: () => started.disposeAsync() };
}

/** The smallest project there is: its requirements and one file. What was in the folder is gone. */
export function writeProject(folder: string, requirements: readonly string[]): string {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, ".python-version"), "3.11\n");
  writeFileSync(join(folder, "requirements.txt"), `${requirements.join("\n")}\n`);
  writeFileSync(join(folder, "app.py"), 'print("hello")\n');
  return folder;
}

export function copyOfProject(from: string, to: string): void {
  rmSync(to, { recursive: true, force: true });
  cpSync(from, to, { recursive: true });
}

export type BuildOptions = {
  readonly args?: readonly string[];
  readonly watchMemory?: boolean;
  /** Instead of the site's. */
  readonly env?: Readonly<Record<string, string | undefined>>;
};

/** `cambium build PROJECT --progress json` as a whole process. */
export function build(
  site: Pick<Site, "env" | "debianMirror">,
  program: Program,
  project: string,
  store: string,
  options: BuildOptions = {},
): Promise<Ran> {
  return command(site, program, ["build", project, ...(options.args ?? [])], store, options);
}

/** Any command of cambium on a store. */
export function command(
  site: Pick<Site, "env" | "debianMirror">,
  program: Program,
  args: readonly string[],
  store: string,
  options: Omit<BuildOptions, "args"> = {},
): Promise<Ran> {
  const [node, all] = cambium(program, [...args, "--progress", "json"]);
  const env = { ...(options.env ?? site.env), CAMBIUM_ROOT: store, CAMBIUM_DEBIAN_MIRROR: site.debianMirror };
  return run(node, all, { env, watchMemory: options.watchMemory ?? false });
}

/** A copy of the prepared store. */
export async function freshStore(site: Site, to: string): Promise<void> {
  await copyStore(site.preparedStore, to);
}
