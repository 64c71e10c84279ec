import { CambiumError } from "../../../errors.ts";

/** Name → object reference (`package.module:object`), in order of first appearance. */
export type EntryPoints = {
  readonly console: ReadonlyMap<string, string>;
  readonly gui: ReadonlyMap<string, string>;
};

/**
 * Reads the two groups of `entry_points.txt` that become scripts, as Python's importlib.metadata does: `#` comments only
 * at the start of a line, the last of two equal names wins and keeps the first one's place.
 * @throws CambiumError `WHEEL_ENTRY_POINT` for a line that is neither section, comment nor `name = value`.
 */
export function parseEntryPoints(text: string, where: string): EntryPoints {
  const groups = { console: new Map<string, string>(), gui: new Map<string, string>() };
  let section: string | undefined;
  for (const raw of text.split(/\r\n|\r|\n/)) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) continue;
    if (line.startsWith("[") && line.endsWith("]")) {
      section = line.replace(/^[[\]]+|[[\]]+$/g, "");
      continue;
    }
    if (section === undefined) continue;
    const equals = line.indexOf("=");
    if (equals < 0) throw invalid(where, line, "it has no '='");
    const group =
      section === "console_scripts" ? groups.console : section === "gui_scripts" ? groups.gui : undefined;
    group?.set(line.slice(0, equals).trim(), line.slice(equals + 1).trim());
  }
  return groups;
}

/** A script to make: its name below the scripts directory, and what it calls. */
export type ScriptTarget = { readonly name: string; readonly module: string; readonly object: string };

/**
 * distlib's grammar of `name = package.module:object [extras]`, which pip applies to name and value put together again;
 * what follows a match is ignored, so that odd but installable wheels give the same script.
 */
const SCRIPT =
  /([^[]\S*)\s*=\s*([\p{L}\p{N}_]+(?:[:.][\p{L}\p{N}_]+)*)\s*(\[\s*[\p{L}\p{N}_-]+(?:=[\p{L}\p{N}_]+)?(?:,\s*[\p{L}\p{N}_]+(?:=[\p{L}\p{N}_]+)?)*\s*\])?/u;

/** @throws CambiumError `WHEEL_ENTRY_POINT` for what names no function, or a file outside the scripts directory. */
export function parseScriptTarget(name: string, value: string, where: string): ScriptTarget {
  const written = `${name} = ${value}`;
  const match = SCRIPT.exec(written);
  if (match === null || (match[3] === undefined && /[[\]]/.test(written))) {
    throw invalid(where, written, "it is not of the form name = module:object");
  }
  const [module, object, ...rest] = match[2]!.split(":");
  if (object === undefined || rest.length > 0)
    throw invalid(where, written, "it names no function of a module");
  const scriptName = match[1]!;
  const hasOddPart = scriptName.split("/").some((part) => part === "" || part === "." || part === "..");
  if (hasOddPart || scriptName.includes("\0")) {
    throw invalid(where, written, "its name is a path outside the scripts directory");
  }
  return { name: scriptName, module: module!, object };
}

/**
 * The scripts of a wheel in pip's order. pip and setuptools write X.Y into names when they are built, so pip replaces
 * those by the names for the Python at hand; `pythonVersion` is that Python, and without it, as for a segment that
 * serves every Python 3, the names with X.Y are left out (`pip`, `pip3`, but no `pip3.11`).
 */
export function consoleScripts(
  entryPoints: EntryPoints,
  pythonVersion: string | undefined,
  where: string,
): ScriptTarget[] {
  const wanted: [string, string][] = [];
  const rest = new Map(entryPoints.console);
  const pip = rest.get("pip");
  rest.delete("pip");
  if (pip) {
    wanted.push(["pip", pip], ["pip3", pip]);
    if (pythonVersion !== undefined) wanted.push([`pip${pythonVersion}`, pip]);
    for (const name of [...rest.keys()]) if (/^pip(\d+(\.\d+)?)?$/.test(name)) rest.delete(name);
  }
  const easyInstall = rest.get("easy_install");
  rest.delete("easy_install");
  if (easyInstall) {
    wanted.push(["easy_install", easyInstall]);
    if (pythonVersion !== undefined) wanted.push([`easy_install-${pythonVersion}`, easyInstall]);
    for (const name of [...rest.keys()]) if (/^easy_install(-\d+\.\d+)?$/.test(name)) rest.delete(name);
  }
  wanted.push(...rest);
  return wanted.map(([name, value]) => parseScriptTarget(name, value, where));
}

export function guiScripts(entryPoints: EntryPoints, where: string): ScriptTarget[] {
  return [...entryPoints.gui].map(([name, value]) => parseScriptTarget(name, value, where));
}

/**
 * Whether a file of the wheel's own `scripts` is what setuptools makes of an entry point (NAME, NAME.exe, NAME.pya,
 * NAME-script.py): pip leaves such files out and makes its own.
 */
export function isWrapperOf(entryPoints: EntryPoints, basename: string): boolean {
  const suffix = /(?:\.exe|\.pya|-script\.py)$/i.exec(basename);
  const name = suffix === null ? basename : basename.slice(0, suffix.index);
  return entryPoints.console.has(name) || entryPoints.gui.has(name);
}

function invalid(where: string, written: string, why: string): CambiumError {
  return new CambiumError("WHEEL_ENTRY_POINT", `${where}: entry point ${JSON.stringify(written)}: ${why}`, {
    hint: "An entry point reads name = package.module:function; have the wheel rebuilt by its project.",
  });
}
