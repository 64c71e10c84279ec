import { generateBase } from "../../../src/ecosystems/debian/generate-base.ts";
import type { Suite } from "../../../src/ecosystems/debian/lock.ts";
import type { ShippedDeb } from "../../../src/ecosystems/debian/shipped.ts";
import type { SegmentEntry } from "../../../src/layer/segment.ts";
import { lockedDeb } from "../../support/deb.ts";
import { type EntrySketch, memoryBlobs, segmentOf } from "../../support/debian-segment.ts";
import { elfOf } from "../../support/elf.ts";

const file = (path: string, content: string | Uint8Array = ""): EntrySketch => ({
  type: "file",
  path,
  content,
});

/** The least DER that has a subject: tbsCertificate of serial, signature, issuer, validity, subject, all empty. */
const CERTIFICATE = (() => {
  const sequence = (content: Buffer) => Buffer.concat([Buffer.of(0x30, content.length), content]);
  const empty = sequence(Buffer.alloc(0));
  const der = sequence(sequence(Buffer.concat([Buffer.of(2, 1, 1), empty, empty, empty, empty])));
  return `-----BEGIN CERTIFICATE-----\n${der.toString("base64")}\n-----END CERTIFICATE-----\n`;
})();

const TUPLE = "usr/lib/x86_64-linux-gnu";

/** What generators look for, a file of each: so that each of them makes something. */
const PACKAGES: readonly EntrySketch[] = [
  ...["dot.profile", "dot.bashrc", "profile", "motd", "info.dir"].map((name) =>
    file(`usr/share/base-files/${name}`),
  ),
  file("usr/share/info/sed.info.gz"),
  file("etc/dpkg/origins/debian"),
  file("etc/protocols"),
  file("usr/share/libc-bin/nsswitch.conf"),
  file("usr/share/debianutils/shells", "# shells\n/bin/sh\n"),
  file("usr/share/zoneinfo/Etc/UTC"),
  file("usr/share/readline/inputrc"),
  file("usr/bin/python3.11"),
  file("usr/bin/python3.13"),
  file("usr/share/base-passwd/passwd.master", "root:*:0:0:root:/root:/bin/bash\n"),
  file("usr/bin/dash"),
  ...["auth", "account", "password", "session", "session-noninteractive"].map((name) =>
    file(`usr/share/pam/common-${name}`),
  ),
  file("usr/share/pam-configs/unix", "Name: Unix authentication\nDefault: yes\nPriority: 256\n"),
  file("usr/share/base-passwd/group.master", "root:*:0:\n"),
  file("usr/share/ca-certificates/mozilla/A.crt", CERTIFICATE),
  file(`${TUPLE}/libz.so.1`, elfOf({ soname: "libz.so.1" })),
  file("usr/bin/mawk"),
  file("usr/share/man/man1/mawk.1.gz"),
  file("usr/sbin/rmt-tar"),
  file(`${TUPLE}/openblas-pthread/libblas.so.3`),
  { type: "directory", path: "usr/lib64" },
];

const member = (name: string, text: string, mode = 0o644) => ({ name, mode, content: Buffer.from(text) });

/** What dpkg's package has for its own database. */
const DPKG: ShippedDeb = {
  control: [
    member("control", "Package: dpkg\nVersion: 1.0-1\nArchitecture: all\nDescription: a sample\n"),
    member("md5sums", ""),
    member("postinst", "#!/bin/sh\n", 0o755),
    member("triggers", "interest-noawait /usr/share/demo\ninterest ldconfig\n"),
  ],
  paths: [],
};

/** Entries that are generated over packages that call for every generator. */
export function generatedEntries(suite: Suite): readonly SegmentEntry[] {
  const links: readonly EntrySketch[] =
    suite === "bookworm"
      ? []
      : ["bin", "sbin", "lib", "lib64"].map((path) => ({ type: "symlink", path, target: `usr/${path}` }));
  const { segment, readFile } = segmentOf([...PACKAGES, ...links]);
  const segments = generateBase(
    {
      debs: [{ deb: lockedDeb(new Uint8Array(0), "dpkg"), segment }],
      suite,
      architecture: "amd64",
      users: [{ name: "app" }],
      readFile,
      keep: [],
      shipped: new Map([["dpkg", DPKG]]),
    },
    memoryBlobs(),
  );
  return segments.flatMap(({ entries }) => entries);
}
