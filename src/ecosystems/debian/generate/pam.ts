import type { SourceEntry } from "../../../layer/files.ts";
import { fieldOf, parseStanzas, type Stanza } from "../control.ts";
import type { Tree } from "../tree.ts";
import { directory, file } from "./entries.ts";

const TEMPLATES = "usr/share/pam";
const PROFILES = "usr/share/pam-configs";

/** A kind of file below `/etc/pam.d`: its word in PAM, the field of a profile, the name of its place in the template. */
const KINDS = [
  { name: "auth", word: "auth", field: "Auth", place: "auth" },
  { name: "account", word: "account", field: "Account", place: "account" },
  { name: "password", word: "password", field: "Password", place: "password" },
  { name: "session", word: "session", field: "Session", place: "session" },
  { name: "session-noninteractive", word: "session", field: "Session", place: "session_nonint" },
] as const;
type Kind = (typeof KINDS)[number];

type Profile = { readonly name: string; readonly fields: Stanza };
type Module = { readonly profile: string; readonly line: string };

/** What stands where no profile has a module that decides: go on behind the line that denies. */
const NOBODY: Module = { profile: "null", line: "[default=1]\t\t\tpam_permit.so" };

/**
 * The common files of PAM as `pam-auth-update --package` makes them of the profiles that are on by default, with its
 * state; without them nobody can log in or change a password. And the empty files that libpam-modules makes.
 */
export function pam(tree: Tree): SourceEntry[] {
  const profiles = readProfiles(tree);
  if (profiles.length === 0) return [];
  const enabled = profiles.filter(({ fields }) => fieldOf(fields, "Default") === "yes");
  const entries = KINDS.flatMap((kind): SourceEntry[] => {
    const template = textOf(tree, `${TEMPLATES}/common-${kind.name}`);
    if (template === undefined) return [];
    const primary = modulesOf(enabled, kind, "Primary");
    const additional = modulesOf(enabled, kind, "Additional");
    const deciding = primary.length === 0 ? [NOBODY] : primary;
    const text = template
      .replace(new RegExp(`^\\$${kind.place}_primary\\n`, "m"), () => linesOf(deciding, kind.word))
      .replace(new RegExp(`^\\$${kind.place}_additional\\n`, "m"), () => linesOf(additional, kind.word));
    const state = [...deciding, ...additional].map(({ profile, line }) => `Module: ${profile}\n${line}\n`);
    return [file(`etc/pam.d/common-${kind.name}`, text), file(`var/lib/pam/${kind.name}`, state.join(""))];
  });
  return [
    ...entries,
    directory("var/lib/pam"),
    file("var/lib/pam/seen", profiles.map(({ name }) => `${name}\n`).join("")),
    file("etc/security/opasswd", "", { mode: 0o600 }),
    file("etc/environment", ""),
  ];
}

/** The more important first. */
function readProfiles(tree: Tree): Profile[] {
  const profiles = tree.below(PROFILES).flatMap((path): Profile[] => {
    const [fields] = parseStanzas(textOf(tree, path) ?? "", `/${path}`);
    return fields === undefined ? [] : [{ name: path.slice(PROFILES.length + 1), fields }];
  });
  const rank = ({ fields }: Profile) => Number(fieldOf(fields, "Priority") ?? 0);
  return profiles.sort((a, b) => rank(b) - rank(a) || (a.name < b.name ? -1 : 1));
}

/** What profiles have for a kind of file; the first of a block may say something else there. */
function modulesOf(profiles: readonly Profile[], kind: Kind, type: "Primary" | "Additional"): Module[] {
  const isInteractive = kind.name !== "session-noninteractive";
  const concerned = profiles.filter(
    ({ fields }) =>
      fieldOf(fields, `${kind.field}-Type`) === type &&
      (isInteractive || fieldOf(fields, "Session-Interactive-Only") !== "yes"),
  );
  return concerned.flatMap(({ name, fields }, index) => {
    const initial = index === 0 ? fieldOf(fields, `${kind.field}-Initial`) : undefined;
    const lines = (initial ?? fieldOf(fields, kind.field) ?? "").split("\n").map((line) => line.trim());
    return lines.filter((line) => line !== "").map((line) => ({ profile: name, line }));
  });
}

/** `end` jumps over the modules that are left, and the line behind them that denies. */
function linesOf(modules: readonly Module[], word: string): string {
  const texts = modules.map(({ profile, line }, index) => {
    const [, control = "", module = "", rest = ""] = /^(\[[^\]]*\]|\S+)\s+(\S+)\s*(.*)$/.exec(line) ?? [];
    if (profile === NOBODY.profile) return `${word}\t${line}\n`;
    const jump = control.replace(/=end\b/g, `=${modules.length - index}`);
    return `${word}\t${jump}\t${module} ${rest}\n`;
  });
  return texts.join("");
}

function textOf(tree: Tree, path: string): string | undefined {
  const bytes = tree.read(path);
  return bytes === undefined ? undefined : Buffer.from(bytes).toString("utf8");
}
