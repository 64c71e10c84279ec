import { writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { debOf, lockedDeb } from "../../../tests/support/deb.ts";
import { temporaryFolder } from "../../../tests/support/temporary-folder.ts";
import { effectsOf, scriptsNotice, scriptsThatMatter } from "./scripts.ts";

test.for([
  ["if ! getent passwd app; then adduser --system app || true; fi", ["adduser"]],
  ["  mkdir -p /var/lib/app && chown app /var/lib/app", ["mkdir", "chown"]],
  ["/usr/sbin/update-alternatives --install a b c 1", ["update-alternatives"]],
  ["cat <<EOF > /etc/app.conf", ["cat"]],
  ["LC_ALL=C install -d /srv/app", ["install"]],
  ["case $1 in configure) ln -s a b;; esac", ["ln"]],
])("%j has effects", ([script, effects]) => {
  expect(effectsOf(`#!/bin/sh\nset -e\n${script}\n`, "postinst")).toEqual(effects);
});

test.for([
  "ldconfig",
  "py3compile -p sample",
  "# adduser is not needed",
  "echo 'now run adduser'",
  "cat /etc/debian_version",
  'dpkg-maintscript-helper rm_conffile /etc/old 1.0~ -- "$@"',
  "# Automatically added by dh_installsystemd/13\nmkdir -p /run/systemd\n# End automatically added section",
])("%j has none", (script) => {
  expect(effectsOf(`#!/bin/sh\nset -e\n${script}\nexit 0\n`, "postinst")).toEqual([]);
});

test("in a preinst only accounts count", () => {
  expect(effectsOf("mkdir /x\naddgroup app\n", "preinst")).toEqual(["addgroup"]);
});

test("a package's scripts are judged from its archive; what is generated is not named", async () => {
  using folder = temporaryFolder();
  const bytes = debOf([], {
    control: { postinst: "#!/bin/sh\nadduser app\n", preinst: "#!/bin/sh\nexit 0\n" },
  });
  const path = folder.at("a.deb");
  writeFileSync(path, bytes);
  expect(await scriptsThatMatter(path, lockedDeb(bytes, "postgresql"))).toEqual(["postinst"]);
  expect(await scriptsThatMatter(path, lockedDeb(bytes, "base-passwd"))).toEqual([]);
  expect(await scriptsThatMatter(path, lockedDeb(bytes, "libpython3.11-minimal"))).toEqual([]);
  // What comes with apt, which every base has on which something runs.
  for (const name of ["apt", "init-system-helpers", "login", "passwd", "util-linux"]) {
    expect(await scriptsThatMatter(path, lockedDeb(bytes, name))).toEqual([]);
  }
});

test("one line names the packages, and none is said of none", () => {
  expect(scriptsNotice([{ name: "a", scripts: [] }])).toBeUndefined();
  expect(
    scriptsNotice([
      { name: "a", scripts: ["postinst"] },
      { name: "b", scripts: ["preinst", "postinst"] },
    ]),
  ).toContain("a (postinst), b (preinst, postinst)");
});
