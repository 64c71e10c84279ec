import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import {
  baseStore,
  baseYaml,
  type CopyOptions,
  copyOfBaseStore,
  type PylockWheel,
  pylockText,
} from "./base-store.ts";
import { cambium, type Ran, type RunOptions } from "./command.ts";
import { temporaryFolder } from "./temporary-folder.ts";

export type Workplace = Disposable & {
  readonly path: string;
  readonly store: string;
  at(...parts: string[]): string;
  /** Writes files below the project's folder and gives that folder. */
  project(name: string, files: Readonly<Record<string, string>>): string;
  build(project: string, args?: readonly string[], options?: Partial<RunOptions>): Promise<Ran>;
};

/** A folder with a store that has the base, projects in it, and a home that has nothing. */
export async function workplace(options: CopyOptions = {}): Promise<Workplace> {
  const folder = temporaryFolder();
  const store = await copyOfBaseStore(folder.at("store"), options);
  mkdirSync(folder.at("home"));
  return {
    ...folder,
    store,
    [Symbol.dispose]: folder[Symbol.dispose],
    project: (name, files) => writeProject(folder.at(name), files),
    build: (project, args = [], more = {}) =>
      cambium(["build", project, "--progress", "plain", ...args], { store, ...more }),
  };
}

export function writeProject(folder: string, files: Readonly<Record<string, string>>): string {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

/** Files of a project that installs exactly these wheels: no resolving, no uv. */
export async function pylockFiles(wheels: readonly PylockWheel[]): Promise<Record<string, string>> {
  return {
    "cambium.yaml": `${baseYaml}python: pylock.toml\ncopy: app.py\ncmd: [python, app.py]\n`,
    "pylock.toml": pylockText(wheels),
    "cambium.lock": (await baseStore()).lock,
    "app.py": "print('hello')\n",
  };
}

/** Files of a project whose requirements uv resolves; the base is settled by its lock. */
export async function requirementsFiles(requirements: string): Promise<Record<string, string>> {
  return {
    "cambium.yaml": `${baseYaml}python: requirements.txt\ncopy: app.py\ncmd: [python, app.py]\n`,
    "requirements.txt": requirements,
    "cambium.lock": (await baseStore()).lock,
    "app.py": "print('hello')\n",
  };
}

export function sha256Of(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** What a lock says of a file at a URL. */
export function lockedWheel(name: string, url: string, bytes: Uint8Array): PylockWheel {
  return { name, version: "1.0", url, sha256: sha256Of(bytes), size: bytes.length };
}

/** The digest that a build printed. */
export function digestIn(ran: Ran): string {
  const digest = /^sha256:[0-9a-f]{64}$/m.exec(ran.stdout)?.[0];
  if (ran.exitCode !== 0 || digest === undefined) {
    throw new Error(`no image, exit code ${ran.exitCode}\n${ran.stdout}${ran.stderr}`);
  }
  return digest;
}
