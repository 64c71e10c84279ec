import type { RecordedImage } from "../cache/build-record.ts";
import { type CambiumLock, readCambiumLock } from "../ecosystems/cambium-lock.ts";
import { CambiumError, usageError } from "../errors.ts";
import { fullReference } from "../frontend/spec/to-definition.ts";
import type { Definition } from "../graph/definition.ts";
import { parseReference, withDefaultTag } from "../image/reference.ts";
import type { Segment } from "../layer/segment.ts";
import { type Platform, parsePlatform } from "../platform.ts";
import { type BaseRequest, obtainBase, obtainDebian } from "../solve/lock-base.ts";
import { pythonTarget } from "../solve/python-target.ts";
import type { Workbench } from "../solve/workbench.ts";
import { publishImages } from "./outputs.ts";
import { buildImage } from "./packages/build-image.ts";
import { choosePackages, locateDebs } from "./packages/choose-packages.ts";
import { imageKey } from "./packages/image-key.ts";
import { openIndex } from "./packages/open-index.ts";
import { openRecord } from "./records/recorded-build.ts";
import type { BuildResult, ImageResult } from "./results.ts";
import { type Session, withSession } from "./session.ts";
import type { RebaseSettings } from "./settings.ts";
import { keepTags, parseTags } from "./tags.ts";

/**
 * Puts an image on another base from its build record alone: the recorded graph and lock, no project, and no byte of a
 * package that has its layer already.
 * @throws CambiumError `RECORD_UNKNOWN`, `REBASE_PYTHON`, `REBASE_FILES`, and as `build`.
 */
export async function rebase(settings: RebaseSettings): Promise<BuildResult> {
  const image = withDefaultTag(parseReference(settings.image, "rebase"));
  const reference = fullReference(settings.base, "--base");
  return withSession(settings, async (session) => {
    const { bench } = session;
    const opened = await openRecord(image, bench);
    await opened.adoptListings();
    const { record } = opened;
    const before = readCambiumLock(record.lock, "build record");
    const old = recordedDefinition(record.definition, settings.image);
    const { keep, packages } = old.base;
    const definition: Definition = { ...old, base: { kind: "image", reference, keep, packages } };
    const platforms = record.images.map(({ platform }) => parsePlatform(platform, "build record"));
    const lock = await rebasedLock(definition, before, platforms, settings, session);
    const images: ImageResult[] = [];
    for (const [i, recorded] of record.images.entries()) {
      const platform = platforms[i]!;
      assertSamePython(before, lock, platform, reference);
      images.push(await rebasedImage(recorded, { definition, lock, platform }, settings, session));
    }
    const tags = settings.tags.length > 0 ? parseTags(settings.tags) : [image];
    const { push, load } = settings;
    const outputs = { outputs: [], push, cacheTo: [], build: () => "", ...(load !== undefined && { load }) };
    const result = await publishImages({ definition, lock, images }, [], outputs, tags, bench);
    const names = keepTags(tags, result.digest, bench);
    return { ...result, images, tags: names };
  });
}

/** Written by a Cambium of the same layout versions, whose definitions are ours; what is none of any kind is refused. */
function recordedDefinition(definition: unknown, image: string): Definition {
  const { base, files, users, config } = definition as Partial<Definition>;
  const isWhole =
    Array.isArray(base?.packages) &&
    Array.isArray(files) &&
    Array.isArray(users) &&
    Array.isArray(config?.env);
  if (isWhole) return definition as Definition;
  throw new CambiumError("RECORD_UNKNOWN", `${image}: its build record is damaged: no definition`, {
    hint: "Build and push the image once more.",
  });
}

/** The Python part stays word for word; only the base, and what it lacks of Debian's packages, is looked up. */
async function rebasedLock(
  definition: Definition,
  before: CambiumLock,
  platforms: readonly Platform[],
  { debianMirror }: RebaseSettings,
  { bench }: Session,
): Promise<CambiumLock> {
  const request: BaseRequest = {
    definition,
    platforms,
    ...(debianMirror !== undefined && { debianMirror }),
    upgrade: false,
    pull: true,
    now: new Date(),
  };
  const { debian: _, base: __, ...rest } = before;
  const base = await obtainBase(request, undefined, bench);
  const debian = await obtainDebian(request, base, before, async () => undefined, bench);
  return { ...rest, ...(base && { base }), ...(debian && { debian }) };
}

/** Wheels are chosen anew for the new base, so it is enough that its Python is of the same minor version. */
function assertSamePython(before: CambiumLock, after: CambiumLock, platform: Platform, base: string): void {
  if (before.python === undefined) return;
  const [old, now] = [before, after].map((lock) => minorOf(pythonTarget(lock, platform).version));
  if (old === now) return;
  throw usageError(
    "REBASE_PYTHON",
    `cannot rebase onto ${base}: it has Python ${now}, the image was resolved for ${old}`,
    `Choose a base with Python ${old}, or build the project for the new one.`,
  );
}

function minorOf(version: string): string {
  return version.split(".").slice(0, 2).join(".");
}

async function rebasedImage(
  recorded: RecordedImage,
  input: { readonly definition: Definition; readonly lock: CambiumLock; readonly platform: Platform },
  settings: RebaseSettings,
  session: Session,
): Promise<ImageResult> {
  const { bench } = session;
  const { definition, lock, platform } = input;
  const files = recordedFiles(recorded, bench);
  const created = recorded.created;
  const index = openIndex({ root: settings.cwd, layers: [], extraIndexUrls: [] }, session);
  const key = imageKey({ ...input, created, files: files.map(({ id }) => id) });
  return buildImage(
    {
      ...{ definition, lock, platform, key, files, created },
      locateDebs: locateDebs(settings.debianMirror, lock),
      choose: () => choosePackages({ definition, inputs: undefined, lock, index, platform }, bench),
    },
    bench,
  );
}

/** The project's files are in the record as listings; their layers are where the image is. */
function recordedFiles({ files }: RecordedImage, { store }: Workbench): Segment[] {
  return files.map((id) => {
    const segment = store.segments.get(id);
    if (segment !== undefined) return segment;
    throw new CambiumError("REBASE_FILES", "the build record does not list the project's own files", {
      hint: "Build and push the image once more; its record is older than this Cambium.",
    });
  });
}
