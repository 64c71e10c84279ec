import { writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { debOf, lockedDeb } from "../../../tests/support/deb.ts";
import { temporaryFolder } from "../../../tests/support/temporary-folder.ts";
import { packShipped, readShipped, unpackShipped } from "./shipped.ts";

test("what a .deb ships is kept byte by byte, paths as they are written there", async () => {
  using folder = temporaryFolder();
  const bytes = debOf(
    [
      { name: "./", type: "directory" },
      { name: "./bin/", type: "directory" },
      { name: "./bin/sh", type: "symlink", target: "dash" },
      { name: "./bin/dash", content: "x" },
      { name: "./bin/ash", type: "hardlink", target: "./bin/dash" },
    ],
    { control: { postinst: "#!/bin/sh\necho \u00fc\n", conffiles: "" } },
  );
  const path = folder.at("sample.deb");
  writeFileSync(path, bytes);
  const shipped = await readShipped(path, lockedDeb(bytes));
  expect(shipped.paths).toEqual([
    { path: "bin", type: "directory" },
    { path: "bin/sh", type: "symlink" },
    { path: "bin/dash", type: "file" },
    { path: "bin/ash", type: "file" },
  ]);
  expect(shipped.control.map(({ name }) => name)).toEqual(["control", "postinst", "conffiles"]);
  const again = unpackShipped(packShipped(shipped));
  expect(again).toEqual(shipped);
  expect(Buffer.from(again?.control[1]?.content ?? []).toString()).toBe("#!/bin/sh\necho \u00fc\n");
});

test.each([undefined, 1, "", "no base64 of zstd", Buffer.from("{}").toString("base64")])(
  "a record that is %j is none",
  (value) => {
    expect(unpackShipped(value)).toBeUndefined();
  },
);
