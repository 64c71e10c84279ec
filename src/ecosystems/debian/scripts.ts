import { openDeb, readControl } from "./archive.ts";
import type { LockedDeb } from "./lock.ts";

/** The scripts that run at an installation. (Debian Policy §6.5) */
const SCRIPTS = ["preinst", "postinst"] as const;

/**
 * Packages whose scripts' work is done by `generateBase`, needs dpkg's own database, or moves things between versions
 * of a system that was never upgraded. Each was read, in bookworm and trixie.
 */
const ANSWERED: ReadonlySet<string> = new Set([
  "apt",
  "base-files",
  "base-passwd",
  "bash",
  "ca-certificates",
  "coreutils",
  "dash",
  "debconf",
  "debianutils",
  "dpkg",
  "gzip",
  "init-system-helpers",
  "libc-bin",
  "libc6",
  "libgssapi-krb5-2",
  "libpam-modules",
  "libpam-runtime",
  "libselinux1",
  "login",
  "mawk",
  "netbase",
  "openssl",
  "passwd",
  "python3",
  "python3-minimal",
  "readline-common",
  "tar",
  "tzdata",
  "util-linux",
  // Only register alternatives that `generate/alternatives.ts` knows.
  ...["less", "gawk", "cpp", "gcc", "g++", "nano", "netcat-openbsd", "netcat-traditional"],
  ...["libblas3", "liblapack3"],
]);
const ANSWERED_FAMILY = /^((lib)?python3\.\d+(-minimal|-stdlib)?|libopenblas0-(pthread|openmp|serial))$/;

/** Commands by which scripts make accounts, files, links and caches that an image would have after an installation. */
const EFFECTS: ReadonlySet<string> = new Set([
  ...[
    "adduser",
    "addgroup",
    "useradd",
    "groupadd",
    "usermod",
    "gpasswd",
    "systemd-sysusers",
    "systemd-tmpfiles",
  ],
  ...[
    "chown",
    "chgrp",
    "chmod",
    "setcap",
    "dpkg-statoverride",
    "install",
    "mkdir",
    "mktemp",
    "mkfifo",
    "mknod",
  ],
  ...[
    "ln",
    "cp",
    "mv",
    "touch",
    "tee",
    "cat",
    "ucf",
    "ucfr",
    "sed",
    "update-alternatives",
    "update-ca-certificates",
  ],
  ...[
    "locale-gen",
    "update-locale",
    "fc-cache",
    "glib-compile-schemas",
    "gio-querymodules",
    "gdk-pixbuf-query-loaders",
  ],
  ...[
    "update-catalog",
    "update-xmlcatalog",
    "update-java-alternatives",
    "pam-auth-update",
    "addshell",
    "add-shell",
  ],
  ...[
    "ssh-keygen",
    "make-ssl-cert",
    "openssl",
    "java",
    "perl",
    "python3",
    "pg_createcluster",
    "pg_updatedicts",
  ],
]);
/** In a preinst, most of these move what older versions left; a new image can only lack the accounts. */
const ACCOUNT_EFFECTS: ReadonlySet<string> = new Set([
  "adduser",
  "addgroup",
  "useradd",
  "groupadd",
  "usermod",
]);

/** Sections that debhelper adds for services and caches, which mean nothing in an image. */
const HARMLESS_SECTION =
  /# Automatically added by dh_(installsystemd|installinit|installmenu|installdeb|makeshlibs|python3|installdebconf|icons|installtmpfiles|systemd_\w+|strip_\w+)\b[^\n]*\n[\s\S]*?# End automatically added section/g;

/**
 * Which of a package's scripts do something that an image would need and that is not generated, such as adding a user:
 * `["postinst"]`. Judged by reading, so it is a hint to the user and no proof.
 * @throws CambiumError as `openDeb` and `readControl` do
 */
export async function scriptsThatMatter(archivePath: string, deb: LockedDeb): Promise<string[]> {
  if (ANSWERED.has(deb.name) || ANSWERED_FAMILY.test(deb.name)) return [];
  const control = await readControl(openDeb(archivePath, `${deb.name} ${deb.version}`));
  return SCRIPTS.filter((name) => {
    const text = control.get(name);
    return text !== undefined && effectsOf(text, name).length > 0;
  });
}

/** One line for the user about the packages that were found, or nothing. */
export function scriptsNotice(
  found: readonly { readonly name: string; readonly scripts: readonly string[] }[],
): string | undefined {
  const named = found
    .filter(({ scripts }) => scripts.length > 0)
    .map(({ name, scripts }) => `${name} (${scripts.join(", ")})`);
  if (named.length === 0) return undefined;
  return `maintainer scripts do not run; these may have set up something that the image lacks: ${named.join(", ")}`;
}

/** The effectful commands of a script, each once, in the order they stand. A best effort: shell is only skimmed. */
export function effectsOf(script: string, name: (typeof SCRIPTS)[number]): string[] {
  const wanted = name === "preinst" ? ACCOUNT_EFFECTS : EFFECTS;
  const text = script
    .replace(HARMLESS_SECTION, "")
    .replace(/\\\n\s*/g, " ")
    .replace(/(^|\s)#.*/g, "$1");
  const found = new Set<string>();
  for (const command of text.split(
    /\n|;|&&|\|\|?|\$?\(|\)|`|\b(?:then|do|else|if|elif|while|until|in)\b|!/,
  )) {
    const word = /^\s*(?:\w+=\S*\s+)*(?:\/\S*\/)?([\w.-]+)/.exec(command)?.[1];
    // Reading with cat or sed changes nothing; only where they write do they count.
    if (word === undefined || !wanted.has(word)) continue;
    if (word === "cat" && !/>/.test(command)) continue;
    if (word === "sed" && !/>|\s-\w*i/.test(command)) continue;
    if (/^(perl|python3|openssl|java)$/.test(word) && !/\s/.test(command.trim())) continue;
    found.add(word);
  }
  return [...found];
}
