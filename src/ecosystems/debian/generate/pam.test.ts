import { expect, test } from "vitest";
import { segmentOf } from "../../../../tests/support/debian-segment.ts";
import { openTree } from "../tree.ts";
import { pam } from "./pam.ts";

/** Contents by path. `profiles` by name. */
function filesOf(profiles: Readonly<Record<string, string>>): Map<string, string> {
  const places = ["auth", "account", "password", "session", "session-noninteractive"];
  const { segment, readFile } = segmentOf([
    ...places.map((name) => {
      const place = name.replace("noninteractive", "nonint").replace("-", "_");
      const content = `# ${name}\n$${place}_primary\n# between\n$${place}_additional\n# end\n`;
      return { type: "file", path: `usr/share/pam/common-${name}`, content } as const;
    }),
    ...Object.entries(profiles).map(
      ([name, content]) => ({ type: "file", path: `usr/share/pam-configs/${name}`, content }) as const,
    ),
  ]);
  const entries = pam(openTree([segment], new Map(), readFile));
  return new Map(
    entries.flatMap((entry) =>
      entry.type === "file" ? [[entry.path, Buffer.from(entry.content).toString()] as const] : [],
    ),
  );
}

const UNIX = `Name: Unix
Default: yes
Priority: 256
Auth-Type: Primary
Auth:
	[success=end default=ignore]	pam_unix.so nullok try_first_pass
Auth-Initial:
	[success=end default=ignore]	pam_unix.so nullok
Session-Type: Additional
Session:
	required	pam_unix.so
`;
const OTHER = `Name: Other
Default: yes
Priority: 900
Auth-Type: Primary
Auth:
	[success=end default=ignore]	pam_other.so
Session-Type: Additional
Session-Interactive-Only: yes
Session:
	optional	pam_other.so a=b
`;

test("without profiles there is nothing", () => {
  expect([...filesOf({})]).toEqual([]);
});

test("the first module has its initial form, and no module that decides means to go on", () => {
  const files = filesOf({ unix: UNIX, off: UNIX.replace("Default: yes", "Default: no") });
  expect(files.get("etc/pam.d/common-auth")).toBe(
    "# auth\nauth\t[success=1 default=ignore]\tpam_unix.so nullok\n# between\n# end\n",
  );
  expect(files.get("etc/pam.d/common-session")).toBe(
    "# session\nsession\t[default=1]\t\t\tpam_permit.so\n# between\nsession\trequired\tpam_unix.so \n# end\n",
  );
  expect(files.get("var/lib/pam/auth")).toBe(
    "Module: unix\n[success=end default=ignore]\tpam_unix.so nullok\n",
  );
  expect(files.get("var/lib/pam/seen")).toBe("off\nunix\n");
});

test("of several profiles the more important comes first and jumps over the rest", () => {
  const files = filesOf({ unix: UNIX, other: OTHER });
  expect(files.get("etc/pam.d/common-auth")?.split("\n").slice(1, 3)).toEqual([
    "auth\t[success=2 default=ignore]\tpam_other.so ",
    "auth\t[success=1 default=ignore]\tpam_unix.so nullok try_first_pass",
  ]);
  expect(files.get("etc/pam.d/common-session")).toContain(
    "session\toptional\tpam_other.so a=b\nsession\trequired",
  );
  expect(files.get("etc/pam.d/common-session-noninteractive")).not.toContain("pam_other");
});
