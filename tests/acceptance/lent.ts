import { copyFileSync, mkdirSync } from "node:fs";
import { fetchPip, pipWheel, wheelPath } from "../python/corpus.ts";
import { realUv } from "../support/uv.ts";
import { tool } from "./workplace.ts";

/** A folder with pip and uv to show inside of an image that has neither. */
export async function lendTools(folder: string): Promise<string> {
  await fetchPip();
  mkdirSync(`${folder}/pip`, { recursive: true });
  // A wheel of pip runs where it was unpacked, without having been installed.
  await tool("python3", "-m", "zipfile", "--extract", wheelPath(pipWheel), `${folder}/pip`);
  copyFileSync((await realUv()).path, `${folder}/uv`);
  return folder;
}
