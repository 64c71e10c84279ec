import { parseStanzas } from "../control.ts";

/** The fields that dpkg knows come in its own order, whatever the control file has; the others follow as they stand. */
const ORDER = [
  ...["Package", "Essential", "Protected", "Status", "Priority", "Section", "Installed-Size", "Origin"],
  ...["Maintainer", "Bugs", "Architecture", "Multi-Arch", "Source", "Version", "Replaces", "Provides"],
  ...["Depends", "Pre-Depends", "Recommends", "Suggests", "Breaks", "Conflicts", "Enhances", "Conffiles"],
  "Description",
];
/** dpkg does not write what says no. */
const FLAGS: ReadonlySet<string> = new Set(["Essential", "Protected"]);

/**
 * A package's paragraph of the status database, as dpkg writes it once the package is installed.
 * @param conffiles each with the md5 of what was shipped, in the order of the package
 * @throws CambiumError `DEBIAN_CONTROL_SYNTAX`; `where` names the package
 */
export function statusParagraph(
  control: string,
  conffiles: readonly (readonly [path: string, md5: string])[],
  where: string,
): string {
  const [stanza] = parseStanzas(control, where);
  const fields = new Map(stanza);
  fields.set("Status", "install ok installed");
  if (conffiles.length > 0)
    fields.set("Conffiles", conffiles.map(([path, md5]) => `\n${path} ${md5}`).join(""));
  for (const name of FLAGS) if (fields.get(name)?.toLowerCase() !== "yes") fields.delete(name);
  const known = ORDER.filter((name) => fields.has(name));
  const others = [...fields.keys()].filter((name) => !ORDER.includes(name));
  return [...known, ...others].map((name) => fieldText(name, fields.get(name) ?? "")).join("");
}

function fieldText(name: string, value: string): string {
  const [first = "", ...rest] = value.split("\n");
  return [`${name}:${first === "" ? "" : ` ${first}`}`, ...rest.map((line) => ` ${line}`), ""].join("\n");
}
