import { usageError } from "../../../errors.ts";
import type { GeneratedFile } from "../../../graph/definition.ts";
import { parseProjectName } from "../name.ts";
import { normalizedVersion } from "../standards/wheel-filename.ts";
import { assertOneLine, coreMetadata, type ProjectMetadata } from "./core-metadata.ts";
import { directUrlJson } from "./direct-url.ts";
import { parseScriptTarget } from "./entry-points.ts";
import { formatRecord, recordRow } from "./record.ts";
import { LIBRARY, relativeFrom, VENV } from "./scheme.ts";
import { scriptText } from "./scripts.ts";

/** A project whose installed form follows from its files alone; who calls has made sure of that. */
export type EditableProject = ProjectMetadata & {
  /** Name → `module:function`. */
  readonly scripts: Readonly<Record<string, string>>;
  readonly guiScripts: Readonly<Record<string, string>>;
  /** Further groups → name → object reference. */
  readonly entryPoints: Readonly<Record<string, Readonly<Record<string, string>>>>;
};

export type EditablePlace = {
  /** Absolute path of the project in the image, such as `/app`. */
  readonly root: string;
  /** Folders with its import packages, relative to it; "" is the project itself. */
  readonly roots: readonly string[];
};

const WHERE = "pyproject.toml";

/**
 * The files of an editable install into the venv: a `.pth` that puts the project's import packages on the path, its
 * `.dist-info` and its scripts. The project's own files are not among them. No build backend runs.
 * @throws CambiumError `PROJECT_FIELD`, `PROJECT_NAME`, `WHEEL_ENTRY_POINT`, each with field and value.
 */
export function editableInstall(project: EditableProject, place: EditablePlace): GeneratedFile[] {
  const name = parseProjectName(project.name, `${WHERE}: project.name`);
  const version = normalizedVersion(project.version);
  if (version === undefined) {
    throw usageError(
      "PROJECT_FIELD",
      `${WHERE}: project.version is ${JSON.stringify(project.version)}`,
      "Write a version as PEP 440 has it, such as 1.2.0.",
    );
  }
  // Wheels escape so (packaging.python.org, binary distribution format), and so do the directories they leave.
  const escaped = `${name.replaceAll("-", "_")}-${version}`;
  const info = `${LIBRARY}/${escaped}.dist-info`;
  const files: Extract<GeneratedFile, { type: "file" }>[] = [];
  const add = (path: string, content: string, mode = 0o644) =>
    files.push({ type: "file", path, mode, content });

  add(`${LIBRARY}/__editable__.${escaped}.pth`, pathFile(place));
  for (const [group, scripts] of [
    ["project.scripts", project.scripts],
    ["project.gui-scripts", project.guiScripts],
  ] as const) {
    for (const [script, value] of Object.entries(scripts)) {
      const target = parseScriptTarget(script, value, `${WHERE}: ${group}`);
      add(`${VENV}/bin/${target.name}`, scriptText(target, `/${VENV}/bin/python`), 0o755);
    }
  }
  add(`${info}/INSTALLER`, "cambium\n");
  add(`${info}/METADATA`, coreMetadata({ ...project, version }, WHERE));
  add(`${info}/REQUESTED`, "");
  add(`${info}/WHEEL`, "Wheel-Version: 1.0\nGenerator: cambium\nRoot-Is-Purelib: true\nTag: py3-none-any\n");
  const url = `file://${place.root.split("/").map(encodeURIComponent).join("/")}`;
  add(`${info}/direct_url.json`, directUrlJson({ dir_info: { editable: true }, url }));
  const entryPoints = entryPointsText(project);
  if (entryPoints !== "") add(`${info}/entry_points.txt`, entryPoints);
  const rows = files.map((file) => recordRow(relativeFrom(LIBRARY, file.path), Buffer.from(file.content)));
  const record = `${info}/RECORD`;
  add(record, formatRecord([...rows, { path: relativeFrom(LIBRARY, record), digest: "", size: "" }]));
  return files;
}

/** One path a line. Absolute, so that `site` takes it for a path and never for an `import` line. */
function pathFile(place: EditablePlace): string {
  assertOneLine(place.root, "workdir", WHERE);
  if (!place.root.startsWith("/")) {
    throw usageError(
      "PROJECT_FIELD",
      `${WHERE}: the project's place in the image is ${JSON.stringify(place.root)}`,
      "Name an absolute path, such as /app.",
    );
  }
  const base = place.root.replace(/\/+$/, "");
  return place.roots
    .map((root) => {
      assertOneLine(root, "the package folder", WHERE);
      return `${root === "" ? base || "/" : `${base}/${root}`}\n`;
    })
    .join("");
}

/** `entry_points.txt` (packaging.python.org, entry points specification): groups and names sorted. */
function entryPointsText(project: EditableProject): string {
  const groups: [group: string, field: string, entries: Readonly<Record<string, string>>][] = [
    ["console_scripts", "project.scripts", project.scripts],
    ["gui_scripts", "project.gui-scripts", project.guiScripts],
  ];
  for (const [group, entries] of Object.entries(project.entryPoints)) {
    // The specification has groups of word characters and dots, and forbids these two here.
    if (!/^\w+(?:\.\w+)*$/.test(group) || group === "console_scripts" || group === "gui_scripts") {
      throw usageError(
        "PROJECT_FIELD",
        `${WHERE}: project.entry-points has the group ${JSON.stringify(group)}`,
        "Scripts go to project.scripts and project.gui-scripts; other groups are words joined by dots.",
      );
    }
    groups.push([group, `project.entry-points.${group}`, entries]);
  }
  const byName = (a: readonly [string, ...unknown[]], b: readonly [string, ...unknown[]]) =>
    a[0] < b[0] ? -1 : 1;
  return groups
    .filter(([, , entries]) => Object.keys(entries).length > 0)
    .sort(byName)
    .map(([group, field, entries]) => {
      const lines = Object.entries(entries)
        .sort(byName)
        .map(([name, value]) => entryLine(name, value, field));
      return `[${group}]\n${lines.join("")}`;
    })
    .join("\n");
}

function entryLine(name: string, value: string, field: string): string {
  const line = `${name} = ${value}`;
  assertOneLine(line, field, WHERE);
  // These would be read back as another name, as a section or as a comment.
  if (/^[[#]|=|^\s|\s$/.test(name) || name === "") {
    throw usageError(
      "PROJECT_FIELD",
      `${WHERE}: ${field} has the name ${JSON.stringify(name)}`,
      "Names have no '=', do not begin with '[' or '#', and have no space around them.",
    );
  }
  return `${line}\n`;
}
