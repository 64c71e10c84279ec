import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { ContentFile } from "../../context/content-source.ts";
import { TUPLES } from "../../ecosystems/linux/tuples.ts";
import type { LockedBase } from "../../ecosystems/locked-base.ts";
import type { BaseInterpreter } from "../../ecosystems/python/base/interpreters.ts";
import { parseProgramFacts } from "../../ecosystems/python/base/program-facts.ts";
import type { UnpackedPython } from "../../ecosystems/python/bytecode/compile.ts";
import { isOfLibrary, libraryFolder } from "../../ecosystems/python/bytecode/library.ts";
import { formatReference, parseReference } from "../../image/reference.ts";
import { hexOf } from "../../layer/digest.ts";
import { formatPlatform, machinePlatform, type Platform } from "../../platform.ts";
import { findBase } from "../base-documents.ts";
import { isPlaced } from "../image-places.ts";
import type { BaseImage } from "../opened-base.ts";
import { layersSource } from "../sources/layers-source.ts";
import { toolFolder } from "../tool-folder.ts";
import type { Workbench } from "../workbench.ts";

/** What CPython's program and its codecs are linked to, wherever the image has it. */
const LIBRARIES =
  /^(ld-linux[\w-]*|lib(c|m|dl|pthread|util|rt|crypt|z|expat|gcc_s|python3\.\d+))\.so(\.[\d.]+)?$/;

/**
 * The Python of an image of a registry: program, libraries and standard library, unpacked into the store. Of an image
 * for another architecture, that of the same index for this machine.
 * @throws Error when the image has none that can be taken out; as `layersSource`.
 */
export async function imagePython(
  base: BaseImage,
  locked: LockedBase | undefined,
  platform: Platform,
  bench: Workbench,
): Promise<UnpackedPython> {
  const machine = machinePlatform();
  const isHere = platform.architecture === machine.architecture;
  const image = isHere ? base : await imageFor(machine, base.reference, locked, bench);
  const python = image.facts.interpreters.find(({ isFreeThreaded }) => !isFreeThreaded);
  if (python === undefined)
    throw new Error(`${image.reference} has no Python for ${formatPlatform(machine)}`);
  const loader = parseProgramFacts(image.tree.text(python.path))?.loader;
  const loaderFile = loader === undefined ? undefined : image.tree.lookup(loader);
  if (loaderFile?.type !== "file") throw new Error(`${image.reference} has no dynamic loader`);
  const name = `bytecode-${python.version}-${hexOf(image.digest).slice(0, 16)}`;
  const root = await toolFolder(bench.store, name, (folder) =>
    unpackPython(image, python, loaderFile.path, folder, bench),
  );
  return { root, argv: ["/lib/loader", "--library-path", "/lib", `/${python.path}`] };
}

/** The image of the same index that runs here. */
async function imageFor(
  machine: Platform,
  text: string,
  locked: LockedBase | undefined,
  bench: Workbench,
): Promise<BaseImage> {
  const known = locked?.targets[machine.architecture];
  if (locked !== undefined && known !== undefined) {
    const { openBaseImage } = await import("../base-image.ts");
    return openBaseImage(locked, machine, bench);
  }
  if (locked === undefined) throw new Error(`nothing says which ${text} is meant`);
  const { images } = await findBase(isPlaced(text, bench) ? text : pinned(text, locked), [machine], bench);
  const { baseImage } = await import("../base-image.ts");
  return baseImage(text, images[0]!, machine, bench);
}

function pinned(text: string, { digest }: LockedBase): string {
  const { tag: _, ...repository } = parseReference(text, "base");
  return formatReference({ ...repository, digest });
}

/** Where each file goes, below the folder: libraries into one, by the names that they are asked for. */
async function unpackPython(
  image: BaseImage,
  python: BaseInterpreter,
  loader: string,
  root: string,
  bench: Workbench,
): Promise<void> {
  const { tree, underneath, reference } = image;
  const targets = new Map<string, string[]>();
  const take = (from: string, to: string) => {
    const entry = tree.lookup(from);
    if (entry?.type === "file") targets.set(entry.path, [...(targets.get(entry.path) ?? []), to]);
  };
  take(python.path, python.path);
  take(loader, "lib/loader");
  const tuple = TUPLES[machinePlatform().architecture];
  const folders = [`${python.prefix}/lib`, `lib/${tuple}`, `usr/lib/${tuple}`, "lib64", "usr/lib64", "lib"];
  const seen = new Set<string>();
  for (const folder of folders) {
    for (const name of tree.list(folder)) {
      if (!LIBRARIES.test(name) || seen.has(name)) continue;
      seen.add(name);
      take(`${folder}/${name}`, `lib/${name}`);
    }
  }
  const folder = libraryFolder(python.prefix, python.version);
  for (const { path, type } of tree.entries(folder)) {
    if (type === "file" && /\.(py|so)$/.test(path) && isOfLibrary(path, folder)) take(path, path);
  }
  const source = await layersSource(underneath.layers, `base ${reference}`, bench);
  const files = source.entries.filter((entry): entry is ContentFile => {
    return entry.type === "file" && targets.has(entry.path);
  });
  const byDigest = new Map<string, ContentFile[]>();
  for (const file of files) {
    const digest = await source.digest(file);
    byDigest.set(digest, [...(byDigest.get(digest) ?? []), file]);
  }
  for await (const { file, content } of source.read(files)) {
    // Equal contents come once, for all of their paths.
    const twins = byDigest.get(await source.digest(file)) ?? [];
    const places = twins.flatMap(({ path }) => targets.get(path) ?? []);
    const bytes = await collect(content);
    for (const place of places) {
      mkdirSync(dirname(join(root, place)), { recursive: true });
      writeFileSync(join(root, place), bytes, { mode: 0o755 });
    }
  }
}

/** The largest is libpython or the program, below 64 MB. */
async function collect(content: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  // Chunks may be used again once the next is asked for.
  for await (const chunk of content) chunks.push(new Uint8Array(chunk));
  return Buffer.concat(chunks);
}
