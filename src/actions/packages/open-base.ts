import { CambiumError } from "../../errors.ts";
import { type BaseOwner, officialPython } from "../../frontend/project/choose-base.ts";
import { fullReference } from "../../frontend/spec/to-definition.ts";
import type { Base } from "../../graph/definition.ts";
import type { Workbench } from "../../solve/workbench.ts";

/** What decides the base of packages that may have been left open. */
export type OpenBase = {
  /** Of what is defined: Debian, or an image of a registry. */
  readonly base: Base;
  /** False: nobody named it. */
  readonly isBaseSet: boolean;
  readonly debianMirror: string | undefined;
  /** `X.Y`; undefined without Python, or where only an image can tell. */
  readonly python: string | undefined;
  /** Of an image of a registry, as the lock has it; undefined where it has none, or is not to count. */
  readonly locked: string | undefined;
  readonly whose: BaseOwner;
};

/**
 * Does `work`, which settles packages. Where their base was left open, and the lock says so or nothing says where Debian
 * is, it is given the official image of the same Python to stand on.
 */
export async function withBase<T>(
  { base, isBaseSet, debianMirror, python, locked, whose }: OpenBase,
  work: (from: string | undefined) => Promise<T>,
  { emit }: Pick<Workbench, "emit">,
): Promise<T> {
  const isOpen = !isBaseSet && base.kind === "debian" && debianMirror === undefined;
  const official = isOpen && python !== undefined ? officialPython(python) : undefined;
  if (official !== undefined && locked === fullReference(official, "the base")) return work(official);
  try {
    return await work(undefined);
  } catch (error) {
    const isMirrorUnknown = error instanceof CambiumError && error.code === "MIRROR_UNKNOWN";
    if (!isMirrorUnknown || official === undefined) throw error;
    const message = `No Debian mirror is known here, so ${whose.name} is ${official} (--debian-mirror or ${whose.wayOut} name another).`;
    emit({ type: "notice", message });
    return work(official);
  }
}
