import { expect, test } from "vitest";
import type { UserOp } from "../../../graph/definition.ts";
import { type AccountsBelow, mergedAccounts } from "./merged-accounts.ts";

const texts: Readonly<Record<string, string>> = {
  "etc/passwd": "root:x:0:0:root:/root:/bin/bash\nnode:x:1000:1000::/home/node:/bin/bash",
  "etc/group": "root:x:0:\nshadow:x:42:\nnode:x:1000:\n",
  "etc/shadow": "root:*:19000:0:99999:7:::\n",
};
const metadata: Readonly<Record<string, object>> = {
  "bin/sh": { type: "file" },
  "home/node": { type: "directory" },
  "etc/shadow": { type: "file", mode: 0o640, uid: 0, gid: 42 },
};
const below: AccountsBelow = {
  text: (path) => texts[path],
  lookup: (path) => (metadata[path] ?? (texts[path] && { type: "file", mode: 0o644 })) as { type: string },
};
const merged = (...users: UserOp[]) =>
  mergedAccounts(below, users).map((entry) => ({
    ...entry,
    ...(entry.type === "file" && { content: Buffer.from(entry.content).toString("utf8") }),
  }));

test("a user is added behind what is there, with the next free number and a home", () => {
  expect(merged({ name: "app" })).toEqual([
    {
      ...{ type: "file", path: "etc/passwd", mode: 0o644, uid: 0, gid: 0 },
      content: `${texts["etc/passwd"]}\napp:x:1001:1001::/home/app:/bin/sh\n`,
    },
    {
      ...{ type: "file", path: "etc/group", mode: 0o644, uid: 0, gid: 0 },
      content: `${texts["etc/group"]}app:x:1001:\n`,
    },
    {
      ...{ type: "file", path: "etc/shadow", mode: 0o640, uid: 0, gid: 42 },
      content: `${texts["etc/shadow"]}app:!:3653:0:99999:7:::\n`,
    },
    { type: "directory", path: "home/app", mode: 0o755, uid: 1001, gid: 1001 },
  ]);
});

test("a user that is there is left alone", () => {
  expect(merged({ name: "node" }, { name: "root", uid: 0 })).toEqual([]);
});

test.for([
  ["another number", { name: "node", uid: 7 }, "exists with uid 1000"],
  ["a number that is taken", { name: "app", uid: 1000 }, "uid 1000 is node's"],
  ["a group of that name", { name: "shadow", uid: 2000 }, "the group shadow exists"],
] as const)("%s is refused, and nothing overwritten", ([, user, message]) => {
  expect(() => merged(user)).toThrowError(
    expect.objectContaining({ code: "USER_INVALID", message: expect.stringContaining(message) }),
  );
});
