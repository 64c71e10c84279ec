import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import {
  type CambiumLock,
  type LockedPackages,
  readCambiumLock,
  writeCambiumLock,
} from "../ecosystems/cambium-lock.ts";
import { environmentError, messageOf } from "../errors.ts";
import { findForm } from "../frontend/project/detect.ts";
import { assertFlagsFit, formOf, type ProjectForm } from "../frontend/project/flags.ts";
import { KNOWN_PLATFORMS } from "../platform.ts";
import { obtainLock, readLockFile } from "../solve/lock.ts";
import { imagePlacesOf } from "./image-places.ts";
import { assertPython, lockRequest, withOpenProject } from "./prepare.ts";
import { loadProject, type Project } from "./project.ts";
import type { LockChange, LockResult } from "./results.ts";
import { type Session, withSession } from "./session.ts";
import { type LockSettings, NO_DOCKERFILE_SETTINGS } from "./settings.ts";
import { lockOfStages, prepareStages, stagesOf } from "./stages/prepare-stages.ts";

/**
 * Settles the project for every platform that Cambium knows and writes `cambium.lock`. Earlier choices stay unless
 * `upgrade` names them. @throws CambiumError as `obtainLock`; `LOCK_UNWRITABLE`.
 */
export async function lock(settings: LockSettings): Promise<LockResult> {
  const found = findForm(settings.contextDir, settings.file);
  if (found.form === "dockerfile") assertFlagsFit(settings.flags ?? [], found.form);
  const places = found.form === "dockerfile" ? {} : { imagePlaces: imagePlacesOf(settings) };
  return withSession({ ...settings, ...places }, async (session) => {
    const { path, made } =
      found.form === "dockerfile"
        ? await dockerfileLock(found.file, settings, session)
        : await projectLock(found.form, settings, session);
    const before = existsSync(path) ? readFileSync(path, "utf8") : undefined;
    const text = writeCambiumLock(made, { urls: settings.urls });
    const result = {
      path,
      distributions: partsOf(made).reduce((sum, { python }) => sum + (python?.distributions.length ?? 0), 0),
      debs: new Set(
        partsOf(made)
          .flatMap(debsOf)
          .map(({ name }) => name),
      ).size,
      sources: sourcesOf(made).length,
      changes: changesBetween(before === undefined ? undefined : readCambiumLock(before, path), made),
    };
    if (text === before) return { ...result, state: "unchanged" };
    if (settings.check) return { ...result, state: "stale" };
    writeWhole(path, text);
    return { ...result, state: "written" };
  });
}

type Locked = { readonly path: string; readonly made: CambiumLock };

async function projectLock(form: ProjectForm, settings: LockSettings, session: Session): Promise<Locked> {
  const project = await loadProject(settings);
  assertFlagsFit(settings.flags ?? [], formOf(form, project.loaded));
  return project.loaded.stages === undefined
    ? lockedProject(settings, project, session)
    : lockedStages(settings, project, session);
}

function lockedProject(settings: LockSettings, project: Project, session: Session): Promise<Locked> {
  return withOpenProject(settings, project, session, async (its, opened) => {
    const request = { ...lockRequest({ ...its, locked: false }, opened), optionalPlatforms: KNOWN_PLATFORMS };
    const path = settings.output ?? request.lockPath;
    const { lock } = await obtainLock({ ...request, lockPath: path }, opened.index, session.bench);
    assertPython(opened.project, lock);
    // Of a Dockerfile beside it.
    const sources = (await readLockFile(path, session.bench))?.sources;
    return { path, made: { ...lock, ...(sources !== undefined && { sources }) } };
  });
}

/** All stages, whichever the image needs: the file is for every `--target`. */
async function lockedStages(settings: LockSettings, project: Project, session: Session): Promise<Locked> {
  const path = settings.output ?? project.lockPath;
  const all = stagesOf(project).stages.map((_, index) => index);
  const its = { ...settings, locked: false };
  const prepared = await prepareStages(its, { ...project, lockPath: path }, all, session, {
    optionalPlatforms: KNOWN_PLATFORMS,
  });
  return { path, made: lockOfStages(prepared) };
}

async function dockerfileLock(file: string, settings: LockSettings, { bench }: Session): Promise<Locked> {
  const { lockDockerfile } = await import("./stages/lock-dockerfile.ts");
  const { lockPathOf } = await import("./stages/read-stages.ts");
  const path = settings.output ?? lockPathOf(settings);
  const stages = { ...settings, dockerfile: settings.dockerfile ?? NO_DOCKERFILE_SETTINGS };
  return { path, made: await lockDockerfile(file, stages, await readLockFile(path, bench), bench) };
}

function writeWhole(path: string, text: string): void {
  const temporary = `${path}.tmp`;
  try {
    writeFileSync(temporary, text);
    renameSync(temporary, path);
  } catch (cause) {
    throw environmentError(
      "LOCK_UNWRITABLE",
      `cannot write ${path}: ${messageOf(cause)}`,
      "Write it elsewhere with --output FILE.",
      cause,
    );
  }
}

type Versions = ReadonlyMap<string, LockChange & { readonly to: string }>;

function changesBetween(before: CambiumLock | undefined, after: CambiumLock): LockChange[] {
  const [old, now] = [versionsOf(before), versionsOf(after)];
  const changes: LockChange[] = [];
  for (const key of [...new Set([...old.keys(), ...now.keys()])].sort()) {
    const [from, to] = [old.get(key), now.get(key)];
    if (from?.to === to?.to) continue;
    const { ecosystem, name } = (to ?? from)!;
    changes.push({
      ecosystem,
      name,
      ...(from !== undefined && { from: from.to }),
      ...(to !== undefined && { to: to.to }),
    });
  }
  return changes;
}

/** The image's packages, and those of each stage. */
function partsOf(lock: CambiumLock | undefined): LockedPackages[] {
  return lock === undefined ? [] : [lock, ...Object.values(lock.stages ?? {})];
}

function debsOf({ debian }: LockedPackages) {
  return Object.values(debian?.targets ?? {}).flat();
}

/** A source as people know it; the digest of an image, file or commit stands for a version. */
function sourcesOf({ sources }: CambiumLock) {
  if (sources === undefined) return [];
  const { images, http, git } = sources;
  return [
    ...images.map(({ reference, targets }) => ({
      kind: "image",
      name: reference,
      version: Object.values(targets)
        .map((digest) => digest.slice(7, 19))
        .join(", "),
    })),
    ...http.map(({ url, digest }) => ({ kind: "file", name: url, version: digest.slice(7, 19) })),
    ...git.map(({ url, ref, commit }) => ({
      kind: "git",
      name: ref === undefined ? url : `${url}#${ref}`,
      version: commit.slice(0, 12),
    })),
  ];
}

/** Several versions of one name (per marker or architecture) are told as one. */
function versionsOf(lock: CambiumLock | undefined): Versions {
  const found = new Map<string, Set<string>>();
  const add = (ecosystem: string, name: string, version: string) => {
    const key = `${ecosystem} ${name}`;
    found.set(key, (found.get(key) ?? new Set()).add(version));
  };
  for (const part of partsOf(lock)) {
    for (const { name, version } of debsOf(part)) add("debian", name, version);
    for (const { name, version } of part.python?.distributions ?? []) add("python", name, version);
  }
  for (const { kind, name, version } of lock === undefined ? [] : sourcesOf(lock)) add(kind, name, version);
  return new Map(
    [...found].map(([key, versions]) => {
      const [ecosystem = "", name = ""] = key.split(" ");
      return [key, { ecosystem, name, to: [...versions].sort().join(", ") }];
    }),
  );
}
