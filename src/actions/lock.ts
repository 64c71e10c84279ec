import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import {
  type CambiumLock,
  type LockedPackages,
  readCambiumLock,
  writeCambiumLock,
} from "../ecosystems/cambium-lock.ts";
import { environmentError, messageOf } from "../errors.ts";
import { parsePlatform } from "../platform.ts";
import { obtainLock } from "../solve/lock.ts";
import { assertPython, lockRequest, withOpenProject } from "./prepare.ts";
import { lockOfStages, prepareStages, stagesOf } from "./prepare-stages.ts";
import { loadProject, type Project } from "./project.ts";
import type { LockChange, LockResult } from "./results.ts";
import { type Session, withSession } from "./session.ts";
import type { LockSettings } from "./settings.ts";

const EVERYWHERE = ["linux/amd64", "linux/arm64"].map((text) => parsePlatform(text, "lock"));

/**
 * Settles the project for every platform that Cambium knows and writes `cambium.lock`. Earlier choices stay unless
 * `upgrade` names them. @throws CambiumError as `obtainLock`; `LOCK_UNWRITABLE`.
 */
export async function lock(settings: LockSettings): Promise<LockResult> {
  return withSession(settings, async (session) => {
    const project = await loadProject(settings);
    const { path, made } =
      project.loaded.stages === undefined
        ? await lockedProject(settings, project, session)
        : await lockedStages(settings, project, session);
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
      changes: changesBetween(before === undefined ? undefined : readCambiumLock(before, path), made),
    };
    if (text === before) return { ...result, state: "unchanged" };
    if (settings.check) return { ...result, state: "stale" };
    writeWhole(path, text);
    return { ...result, state: "written" };
  });
}

type Locked = { readonly path: string; readonly made: CambiumLock };

function lockedProject(settings: LockSettings, project: Project, session: Session): Promise<Locked> {
  return withOpenProject(settings, project, session, async (its, opened) => {
    const request = { ...lockRequest({ ...its, locked: false }, opened), optionalPlatforms: EVERYWHERE };
    const lockPath = settings.output ?? request.lockPath;
    const { lock } = await obtainLock({ ...request, lockPath }, opened.index, session.bench);
    assertPython(opened.project, lock);
    return { path: lockPath, made: lock };
  });
}

/** All stages, whichever the image needs: the file is for every `--target`. */
async function lockedStages(settings: LockSettings, project: Project, session: Session): Promise<Locked> {
  const path = settings.output ?? project.lockPath;
  const all = stagesOf(project).stages.map((_, index) => index);
  const its = { ...settings, locked: false };
  const prepared = await prepareStages(its, { ...project, lockPath: path }, all, session, EVERYWHERE);
  return { path, made: lockOfStages(prepared) };
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
  return new Map(
    [...found].map(([key, versions]) => {
      const [ecosystem = "", name = ""] = key.split(" ");
      return [key, { ecosystem, name, to: [...versions].sort().join(", ") }];
    }),
  );
}
