import { digestOf } from "../layer/digest.ts";

/** Marks a value of which only the salted hash is told. */
const MARK = "~";
/** Of a salted hash: enough that no two values of a project meet. */
const HEX_DIGITS = 16;

/** How an earlier document is read beside one of ours. */
export type Lens = {
  readonly same: (before: string, now: string) => boolean;
  /** Undefined for what the earlier document hides. */
  readonly shown: (before: string) => string | undefined;
  /** A value of ours as the earlier document has it. */
  readonly told: (now: string) => string;
};

export const plainLens: Lens = {
  same: (before, now) => before === now,
  shown: (before) => before,
  told: (now) => now,
};

/** Of a document whose values were salted: see `saltedDocument`. */
export function saltedLens(salt: string): Lens {
  return {
    same: (before, now) => before === now || before === saltedText(salt, now),
    shown: (before) => (before.startsWith(MARK) ? undefined : before),
    told: (now) => saltedText(salt, now),
  };
}

export function saltedText(salt: string, text: string): string {
  return `${MARK}${digestOf(`${salt} ${text}`).slice("sha256:".length, "sha256:".length + HEX_DIGITS)}`;
}

/** What another machine tells is hashed with its salt. */
export function lensOf({ salt }: { readonly salt?: string }): Lens {
  return salt === undefined ? plainLens : saltedLens(salt);
}
