import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type StepsWorld, startStepsWorld } from "../steps/steps-world.ts";
import { needs } from "../support/needs.ts";
import "../support/in-memory.ts";

/** The image has users and packages of its own; the difference brings an account and a package that dpkg installed. */
const PROJECT = `
debian: bookworm
apt: [jq]
users: [{ name: app, uid: 1000 }]
stages:
  base: { debian: bookworm }
  db:
    stage: base
    run: |
      echo 'db:x:999:999::/srv/db:/bin/false' >> /etc/passwd
      echo 'db:x:999:' >> /etc/group
      echo 'db:!:1::::::' >> /etc/shadow
      mkdir -m 750 /srv/db && chown 999:999 /srv/db
      mkdir -p /tmp/own/DEBIAN /tmp/own/usr/share/own
      printf 'Package: own\\nVersion: 1\\nArchitecture: all\\nMaintainer: x <x@x>\\nDescription: own\\n' > /tmp/own/DEBIAN/control
      echo own > /tmp/own/usr/share/own/file
      dpkg-deb --build /tmp/own /tmp/own.deb && dpkg -i /tmp/own.deb && rm -r /tmp/own /tmp/own.deb
      rm /etc/motd
  added: { diff: { lower: base, upper: db } }
steps:
  - merge: [added]
  - run: |
      dpkg-query -W -f '\${Package} \${Status}\\n' own jq apt > /packages
      dpkg --verify own jq && dpkg --audit && echo sound >> /packages
      stat -c '%U:%G %a %n' /srv/db /home/app /tmp /root /etc/shadow > /owners
      test ! -e /etc/motd
`;

describe.runIf(needs("docker-registry", "runc", "root"))("a project that merges a difference", () => {
  let steps: StepsWorld;
  beforeAll(async () => {
    steps = await startStepsWorld();
  });
  afterAll(async () => steps?.[Symbol.asyncDispose]());

  test("loses no account, no package, no directory's mode, and is known the next time", async () => {
    const project = steps.project("merged", { "cambium.yaml": PROJECT });
    const first = await steps.build(project);
    const textOf = first.text;
    const packages = ["apt", "jq", "own"].map((name) => `${name} install ok installed`);
    expect(textOf("packages")).toBe([...packages, "sound", ""].join("\n"));
    expect(textOf("owners")).toBe(
      ["db:db 750 /srv/db", "app:app 755 /home/app", "root:root 1777 /tmp", "root:root 700 /root"]
        .concat("root:shadow 640 /etc/shadow", "")
        .join("\n"),
    );
    expect(textOf("etc/passwd")).toMatch(/^root:[\s\S]*\napp:x:1000:[\s\S]*\ndb:x:999:/);
    expect(textOf("etc/shadow")).toMatch(/\napp:!:[\s\S]*\ndb:!:/);
    const warnings = first.stderr
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line) as Record<string, string>)
      .filter(({ code }) => code?.startsWith("MERGE_"));
    expect(warnings.map(({ message }) => message)).toEqual([]);
    const again = await steps.build(project);
    expect(again).toMatchObject({ digest: first.digest, missed: [] });
  });
});
