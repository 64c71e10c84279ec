import { type Mirrors, resolveMirrors } from "../ecosystems/debian/mirror.ts";

/** Mirrors are asked for only when something must come from one. */
export function mirrorsOf(request: { readonly debianMirror?: string }): Mirrors {
  return resolveMirrors({ setting: request.debianMirror });
}
