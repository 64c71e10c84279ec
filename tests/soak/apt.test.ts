import { existsSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type AptBase, filesNamingMirrors, pushAptBase, runInside } from "../support/apt-inside.ts";
import { needs } from "../support/needs.ts";
import { type BaseWorld, type Machine, startBaseWorld } from "../support/registry-bases.ts";

const INSTALL = "DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends";
const CHECKS = "dpkg --verify; dpkg --audit; apt-get check -qq";

describe.runIf(needs("docker-registry", "runc", "root")).each(["bookworm", "trixie"] as const)(
  "in a computed %s with apt",
  (suite) => {
    let world: BaseWorld;
    let machine: Machine;
    let base: AptBase;

    beforeAll(async () => {
      world = await startBaseWorld([]);
      machine = world.machine("machine");
      base = await pushAptBase(suite, world, machine);
    });
    afterAll(async () => world?.[Symbol.asyncDispose]());

    test("scripts of later packages find all they count on", async () => {
      const steps = [
        // Alternatives, accounts, questions, conffiles of its own, services.
        `apt-get update -o Acquire::Languages=none && ${INSTALL} git nano less netcat-openbsd openssh-server`,
        `echo == checked; ${CHECKS}`,
        "echo == made; getent passwd sshd | cut -d: -f1; readlink /etc/alternatives/editor /etc/alternatives/nc; test -e /etc/ssh/sshd_config; ls /etc/rc2.d | grep -c ssh",
        `apt-get purge -y nano openssh-server && apt-get autoremove -y && echo == purged && ${CHECKS}; readlink -q /etc/alternatives/editor; true`,
        `echo == reinstalled; ${INSTALL} --reinstall bash dash libc-bin ca-certificates base-files >/dev/null 2>&1; ${CHECKS}`,
        "apt-get dist-upgrade -y && echo == upgraded && dpkg --audit && rm /var/lib/apt/lists/*_*",
      ];
      const { said, root } = await runInside(base, `scripts-${suite}`, steps, world, machine);
      expect(said.get("checked")).toEqual([]);
      const [account, editor, nc, services] = said.get("made") ?? [];
      expect([account, services]).toEqual(["sshd", "1"]);
      expect([editor, nc].map((path) => path?.replace(/^.*\//, ""))).toEqual(["nano", "nc.openbsd"]);
      expect(said.get("purged")).toEqual([]);
      expect(said.get("reinstalled")).toEqual([]);
      expect(said.get("upgraded")).toEqual([]);
      expect(existsSync(`${root}/usr/sbin/sshd`)).toBe(false);
      expect(filesNamingMirrors(root)).toEqual([]);
    });
  },
);
