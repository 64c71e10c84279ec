import { type AptFile, aptSources } from "../ecosystems/debian/apt-sources.ts";
import { type Mirrors, resolveMirrors } from "../ecosystems/debian/mirror.ts";
import { CambiumError } from "../errors.ts";

/** Mirrors are asked for only when something must come from one. */
export function mirrorsOf(request: { readonly debianMirror?: string }): Mirrors {
  return resolveMirrors({ setting: request.debianMirror });
}

/**
 * Sources for an apt that has none, of the mirrors that this machine knows; nothing where it knows none, since most steps
 * do without.
 * @throws CambiumError `MIRROR_SYNTAX`.
 */
export function lentSources(request: {
  readonly debianMirror?: string;
}): (codename: string, keyring: string | undefined) => AptFile[] {
  let mirrors: Mirrors | undefined;
  return (codename, keyring) => {
    try {
      mirrors ??= mirrorsOf(request);
    } catch (error) {
      if (error instanceof CambiumError && error.code === "MIRROR_UNKNOWN") return [];
      throw error;
    }
    return aptSources(codename, mirrors, keyring);
  };
}
