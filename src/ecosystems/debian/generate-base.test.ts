import { expect, test } from "vitest";
import { lockedDeb } from "../../../tests/support/deb.ts";
import {
  type EntrySketch,
  fileReader,
  memoryBlobs,
  segmentOf,
} from "../../../tests/support/debian-segment.ts";
import { elfOf } from "../../../tests/support/elf.ts";
import type { UserOp } from "../../graph/definition.ts";
import type { SegmentEntry } from "../../layer/segment.ts";
import { generateBase } from "./generate-base.ts";
import type { Suite } from "./lock.ts";

const MASTERS: readonly EntrySketch[] = [
  {
    type: "file",
    path: "usr/share/base-passwd/passwd.master",
    content: "root:*:0:0:root:/root:/bin/bash\nwww-data:*:33:33:www-data:/var/www:/usr/sbin/nologin\n",
  },
  {
    type: "file",
    path: "usr/share/base-passwd/group.master",
    content: "root:*:0:\nwww-data:*:33:\nusers:*:100:\n",
  },
];

function generate(
  sketches: readonly EntrySketch[],
  users: readonly UserOp[] = [],
  suite: Suite = "bookworm",
) {
  const { segment, readFile } = segmentOf(sketches);
  const blobs = memoryBlobs();
  const debs = [{ deb: lockedDeb(new Uint8Array(0)), segment }];
  const input = {
    debs,
    suite,
    architecture: "amd64",
    users,
    readFile,
    keep: [],
    shipped: new Map(),
  } as const;
  const segments = generateBase(input, blobs);
  const read = fileReader(segments, blobs.stored);
  const entries = new Map<string, SegmentEntry>(
    segments.flatMap((one) => one.entries.map((entry) => [entry.path, entry])),
  );
  return { segments, entries, text: (path: string) => Buffer.from(read(path) ?? []).toString("latin1") };
}

function linkOf(entries: ReadonlyMap<string, SegmentEntry>, path: string): string | undefined {
  const entry = entries.get(path);
  return entry?.type === "symlink" ? entry.target : undefined;
}

test("of no packages nothing is generated", () => {
  expect(generate([]).segments).toEqual([]);
});

test("merged links are made where the folder is, unless a package ships them", () => {
  const folders: EntrySketch[] = [
    { type: "file", path: "usr/bin/x", content: "" },
    { type: "directory", path: "usr/lib64" },
  ];
  const { entries } = generate(folders);
  expect(linkOf(entries, "bin")).toBe("usr/bin");
  expect(linkOf(entries, "lib64")).toBe("usr/lib64");
  expect(entries.has("lib32")).toBe(false);
  expect(generate([...folders, { type: "symlink", path: "bin", target: "usr/bin" }]).entries.has("bin")).toBe(
    false,
  );
});

test("accounts are base-passwd's with shadowed passwords, and the users' with homes", () => {
  const { text, entries } = generate(MASTERS, [
    { name: "app" },
    { name: "job", gid: 100, home: "/srv/job/" },
  ]);
  expect(text("etc/passwd")).toContain("root:x:0:0:root:/root:/bin/bash\n");
  expect(text("etc/passwd")).toContain("app:x:1000:1000::/home/app:/usr/sbin/nologin\n");
  expect(text("etc/shadow")).toBe(
    "root:*:3653:0:99999:7:::\nwww-data:*:3653:0:99999:7:::\napp:!:3653:0:99999:7:::\njob:!:3653:0:99999:7:::\n",
  );
  expect(entries.get("etc/shadow")).toMatchObject({ mode: 0o640, uid: 0, gid: 42 });
  expect(text("etc/passwd")).toContain("job:x:1001:100::/srv/job/:/usr/sbin/nologin\n");
  expect(text("etc/group")).toBe("root:x:0:\nwww-data:x:33:\nusers:x:100:\napp:x:1000:\n");
  expect(text("etc/gshadow")).toBe("root:*::\nwww-data:*::\nusers:*::\napp:!::\n");
  expect(entries.get("srv/job")).toMatchObject({ uid: 1001, gid: 100 });
  expect(entries.get("home/app")).toMatchObject({ type: "directory", mode: 0o755, uid: 1000, gid: 1000 });
});

test("users get the shell that is there, and an account that exists stays as it is", () => {
  const shell: EntrySketch[] = [
    ...MASTERS,
    { type: "symlink", path: "usr/bin/sh", target: "dash" },
    { type: "file", path: "usr/bin/dash", content: "" },
  ];
  const { text } = generate(shell, [{ name: "app" }, { name: "www-data", uid: 33 }]);
  expect(text("etc/passwd")).toContain("app:x:1000:1000::/home/app:/bin/sh\n");
  expect(text("etc/passwd").match(/^www-data:/gm)).toHaveLength(1);
  expect(text("etc/shadow")).toContain("\nwww-data:*:");
});

test.for<readonly [UserOp, string]>([
  [{ name: "Root" }, "not a name"],
  [{ name: "a:b" }, "not a name"],
  [{ name: "www-data", uid: 1 }, "exists with uid 33"],
  [{ name: "app", uid: 33 }, "uid 33 is www-data's"],
  [{ name: "app", uid: -1 }, "not a uid"],
  [{ name: "app", uid: 2 ** 32 - 1 }, "not a uid"],
  [{ name: "app", home: "srv" }, "not an absolute path"],
  [{ name: "app", home: "/a:b" }, "not an absolute path"],
  [{ name: "app", home: "/home/../etc" }, "not an absolute path"],
  [{ name: "app", shell: "/bin/sh\nroot::0:0" }, "not an absolute path"],
  [{ name: "users" }, "the group users exists"],
])("the user %j is refused", ([user, reason]) => {
  expect(() => generate(MASTERS, [user])).toThrow(
    expect.objectContaining({ code: "USER_INVALID", exitCode: 2, message: expect.stringContaining(reason) }),
  );
});

test("time is UTC; only bookworm has /etc/timezone", () => {
  const zone: EntrySketch[] = [{ type: "file", path: "usr/share/zoneinfo/Etc/UTC", content: "TZif" }];
  expect(linkOf(generate(zone).entries, "etc/localtime")).toBe("/usr/share/zoneinfo/Etc/UTC");
  expect(generate(zone).text("etc/timezone")).toBe("Etc/UTC\n");
  expect(generate(zone, [], "trixie").entries.has("etc/timezone")).toBe(false);
});

test("shells are the template's and the packages', each followed by its real path", () => {
  const { text } = generate([
    { type: "file", path: "usr/share/debianutils/shells", content: "# shells\n/bin/sh\n" },
    { type: "file", path: "usr/share/debianutils/shells.d/dash", content: "/bin/dash\n" },
    { type: "file", path: "usr/share/debianutils/shells.d/bash", content: "/bin/bash # the usual\n" },
    { type: "file", path: "usr/bin/dash", content: "" },
  ]);
  expect(text("etc/shells")).toBe(
    "# shells\n/bin/sh\n/usr/bin/sh\n/bin/bash\n/usr/bin/bash\n/bin/dash\n/usr/bin/dash\n",
  );
  expect(text("var/lib/shells.state")).toBe(
    "/bin/sh\n/usr/bin/sh\n/bin/bash\n/usr/bin/bash\n/bin/dash\n/usr/bin/dash\n",
  );
});

test("alternatives: the highest priority that is there, followers only with their target", () => {
  const mawk: EntrySketch = { type: "file", path: "usr/bin/mawk", content: "" };
  const { entries } = generate([mawk]);
  expect(linkOf(entries, "usr/bin/awk")).toBe("/etc/alternatives/awk");
  expect(linkOf(entries, "etc/alternatives/awk")).toBe("/usr/bin/mawk");
  expect(linkOf(entries, "usr/bin/nawk")).toBe("/etc/alternatives/nawk");
  expect(entries.has("usr/share/man/man1/awk.1.gz")).toBe(false);
  const both = generate([mawk, { type: "file", path: "usr/bin/gawk", content: "" }]).entries;
  expect(linkOf(both, "etc/alternatives/awk")).toBe("/usr/bin/gawk");
  const shipped = generate([mawk, { type: "file", path: "usr/bin/awk", content: "" }]).entries;
  expect(shipped.has("usr/bin/awk")).toBe(false);
});

test("alternatives are spelled as their scripts have them, which say /bin of what is in /usr/bin", () => {
  const { entries } = generate([
    { type: "file", path: "usr/bin/nano", content: "" },
    { type: "file", path: "usr/bin/nc.openbsd", content: "" },
    { type: "file", path: "usr/bin/nc.traditional", content: "" },
  ]);
  expect(linkOf(entries, "usr/bin/editor")).toBe("/etc/alternatives/editor");
  expect(linkOf(entries, "etc/alternatives/editor")).toBe("/bin/nano");
  expect(linkOf(entries, "usr/bin/netcat")).toBe("/etc/alternatives/netcat");
  expect(linkOf(entries, "etc/alternatives/netcat")).toBe("/bin/nc.openbsd");
});

// openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/C=DE/O=  Some   Org /CN=Größe"
// -utf8 -days 36500; the hash by: openssl x509 -hash -noout
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBxTCCAWugAwIBAgIUAaSS4jHgBmTktfJ6lMLPsa8QsX8wCgYIKoZIzj0EAwIw
NzELMAkGA1UEBhMCREUxFjAUBgNVBAoMDSAgU29tZSAgIE9yZyAxEDAOBgNVBAMM
B0dyw7bDn2UwIBcNMjYxMTIxMTExNTA1WhgPMjEyNjEwMjgxMTE1MDVaMDcxCzAJ
BgNVBAYTAkRFMRYwFAYDVQQKDA0gIFNvbWUgICBPcmcgMRAwDgYDVQQDDAdHcsO2
w59lMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE4qkUUKjs6KaNmM9Uqv+emG+f
KkdT/9ZJEzveX9KWvwQ3pxiLBuhGDQlLf7W1iYKFDL1DaYNBQQnge78s78uNEqNT
MFEwHQYDVR0OBBYEFDootB2kWuMpy0MbnHSVuwu/hu1PMB8GA1UdIwQYMBaAFDoo
tB2kWuMpy0MbnHSVuwu/hu1PMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwID
SAAwRQIgR9jqWnLXqj7CoKrC0NYP93WJm0BSkU6CzKBSw5I1LzoCIQChH/yF6I4h
JIY1VNxkaYz63FCS0ZTEdhDUPcjuC8sgOw==
-----END CERTIFICATE-----`;

test("certificates: bundle in C order, a link each, a link per subject hash", () => {
  const { text, entries } = generate([
    { type: "file", path: "usr/share/ca-certificates/mozilla/b (1), x.crt", content: CERTIFICATE },
    { type: "file", path: "usr/share/ca-certificates/mozilla/B.crt", content: `${CERTIFICATE}\n` },
    { type: "file", path: "usr/share/ca-certificates/mozilla/README", content: "no certificate" },
  ]);
  expect(text("etc/ssl/certs/ca-certificates.crt")).toBe(`${CERTIFICATE}\n${CERTIFICATE}\n`);
  expect(text("etc/ca-certificates.conf").split("\n").slice(-3)).toEqual([
    "mozilla/B.crt",
    "mozilla/b (1), x.crt",
    "",
  ]);
  expect(linkOf(entries, "etc/ssl/certs/b_=1=__x.pem")).toBe(
    "/usr/share/ca-certificates/mozilla/b (1), x.crt",
  );
  expect(linkOf(entries, "etc/ssl/certs/99de1a47.0")).toBe("B.pem");
  expect(linkOf(entries, "etc/ssl/certs/99de1a47.1")).toBe("b_=1=__x.pem");
});

test("a certificate that is none is refused by its path", () => {
  const broken = `-----BEGIN CERTIFICATE-----\n${Buffer.from("0\x82\xff\xff", "latin1").toString("base64")}\n-----END CERTIFICATE-----\n`;
  for (const content of ["nothing", broken]) {
    expect(() => generate([{ type: "file", path: "usr/share/ca-certificates/x.crt", content }])).toThrow(
      expect.objectContaining({ code: "CERTIFICATE_INVALID", message: expect.stringContaining("x.crt") }),
    );
  }
});

test("the loader's cache has each soname once per folder, newest names first", () => {
  const folder = "usr/lib/x86_64-linux-gnu";
  const { text } = generate([
    { type: "file", path: "etc/ld.so.conf", content: "include /etc/ld.so.conf.d/*.conf\n" },
    { type: "file", path: "etc/ld.so.conf.d/x.conf", content: "# ours\n/opt/lib/\n" },
    { type: "file", path: "opt/lib/libown.so.1", content: elfOf({ soname: "libown.so.1" }) },
    { type: "file", path: `${folder}/libz.so.1.10`, content: elfOf({ soname: "libz.so.1" }) },
    { type: "symlink", path: `${folder}/libz.so.1`, target: "libz.so.1.10" },
    { type: "symlink", path: `${folder}/libz.so`, target: "libz.so.1.10" },
    { type: "file", path: `${folder}/libz.so.9`, content: elfOf({ soname: "libz.so.9" }) },
    { type: "file", path: `${folder}/libz.so.12`, content: elfOf({ soname: "libz.so.12" }) },
    {
      type: "file",
      path: `${folder}/libforeign.so.1`,
      content: elfOf({ machine: 183, soname: "libforeign.so.1" }),
    },
    { type: "file", path: `${folder}/libscript.so`, content: "INPUT(libz.so.1)" },
    {
      type: "file",
      path: "usr/sbin/ldconfig",
      content: "\0ldconfig (Debian GLIBC 2.36-9) stable release version 2.36\0",
    },
  ]);
  const cache = Buffer.from(text("etc/ld.so.cache"), "latin1");
  const string = (at: number) => cache.toString("latin1", at, cache.indexOf(0, at));
  const lines = Array.from({ length: cache.readUInt32LE(20) }, (_, index) => {
    const at = 48 + 24 * index;
    return `${cache.readUInt32LE(at).toString(16)} ${string(cache.readUInt32LE(at + 4))} ${string(cache.readUInt32LE(at + 8))}`;
  });
  expect(lines).toEqual([
    "303 libz.so.12 /lib/x86_64-linux-gnu/libz.so.12",
    "303 libz.so.9 /lib/x86_64-linux-gnu/libz.so.9",
    "303 libz.so.1 /lib/x86_64-linux-gnu/libz.so.1",
    "303 libz.so /lib/x86_64-linux-gnu/libz.so",
    "303 libown.so.1 /opt/lib/libown.so.1",
  ]);
  expect(text("etc/ld.so.cache")).toMatch(/ldconfig \(Debian GLIBC 2\.36-9\) stable release version 2\.36$/);
});

test("equal packages and users give equal segments; a user changes the accounts alone", () => {
  const ids = (users: readonly UserOp[]) =>
    generate(MASTERS, users).segments.map(({ key, id }) => `${key} ${id}`);
  expect(ids([])).toEqual(ids([]));
  const zone: EntrySketch[] = [
    ...MASTERS,
    { type: "file", path: "usr/share/zoneinfo/Etc/UTC", content: "TZif" },
  ];
  const before = generate(zone).segments;
  const after = generate(zone, [{ name: "app" }]).segments;
  const changed = after.filter((one) => !before.some((other) => other.id === one.id)).map(({ key }) => key);
  expect(changed).toEqual(["debian-accounts"]);
});
