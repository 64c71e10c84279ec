import { CambiumError } from "../../errors.ts";
import type { DefinedStage } from "../../graph/defined-stages.ts";
import type { Spec } from "../spec/schema.ts";
import { chooseSuite, meetsStatement, type PythonStatement } from "./suite.ts";

/** `python`: `X.Y`, absent where only the image itself can tell. `explanation` is for one line of `plan`. */
export type ChosenBase = {
  readonly base: Pick<Spec, "debian" | "from">;
  readonly python?: string;
  readonly explanation: string;
  readonly notices: readonly string[];
};

/** Whose base is chosen, for messages, and where another can be named. */
export type BaseOwner = { readonly name: string; readonly wayOut: string };
const OF_IMAGE: BaseOwner = { name: "the base", wayOut: "--base" };

export function ownerOf({ name, isImage }: Pick<DefinedStage, "name" | "isImage">): BaseOwner {
  return isImage ? OF_IMAGE : { name: `the base of stage ${name}`, wayOut: `from: in stage ${name}` };
}

/** The Pythons that the official images have, newest first. */
const OFFICIAL_PYTHONS = ["3.14", "3.13", "3.12", "3.11", "3.10", "3.9"];

/** The slim one has glibc and certificates, and a third of the default one's size. */
export function officialPython(python: string): string {
  return `python:${python}-slim`;
}

/**
 * The base that was named; else computed Debian of the newest release whose Python the project allows; else, where no
 * release has it, the official image of that Python.
 * @throws CambiumError `PYTHON_UNAVAILABLE`, `SPECIFIER_SYNTAX`.
 */
export function chooseBase(
  stated: readonly PythonStatement[],
  explicit: Pick<Spec, "debian" | "from">,
  whose: BaseOwner = OF_IMAGE,
): ChosenBase {
  if (explicit.from !== undefined)
    return { base: { from: explicit.from }, explanation: explicit.from, notices: [] };
  const named = typeof explicit.debian === "string" ? { suite: explicit.debian } : explicit.debian;
  try {
    const { suite, python, reason, notices } = chooseSuite(stated, named?.suite);
    const explanation = `Debian ${suite} with Python ${python} (${reason})`;
    return { base: { debian: { ...named, suite } }, python, explanation, notices };
  } catch (error) {
    const isUnavailable = error instanceof CambiumError && error.code === "PYTHON_UNAVAILABLE";
    // Any patch release of a minor version may come, so the highest stands for it.
    const python = OFFICIAL_PYTHONS.find((minor) =>
      stated.every((statement) => meetsStatement(`${minor}.99`, statement)),
    );
    if (!isUnavailable || named !== undefined || python === undefined) throw error;
    const from = officialPython(python);
    const reason = stated.map(({ value, where }) => `${where}: ${value}`).join(", ");
    const notice = `No Debian release has the Python that is asked for (${reason}): ${whose.name} is ${from}. Name another with ${whose.wayOut}.`;
    return { base: { from }, python, explanation: `${from} (${reason})`, notices: [notice] };
  }
}
