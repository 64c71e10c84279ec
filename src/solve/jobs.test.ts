import { expect, test } from "vitest";
import { elfOf } from "../../tests/support/elf.ts";
import { temporaryFolder } from "../../tests/support/temporary-folder.ts";
import { wheel, wheelFilename } from "../../tests/support/wheel.ts";
import { openStore } from "../store/store.ts";
import { runJob } from "./jobs.ts";

test("a heavy wheel, described in the same pass, leaves the same segment as a light one", async () => {
  const bytes = wheel({
    "demo/far.so": elfOf({ needed: ["libz.so.1"], gaps: [600 << 10, 600 << 10] }),
    "demo/stored.so": { content: elfOf({ needed: ["liba.so"] }), method: "stored" },
    "demo/__init__.py": "x = 1\n",
  });
  const segments = [];
  for (const describeAbove of [-1, Number.POSITIVE_INFINITY]) {
    using folder = temporaryFolder();
    const store = openStore(folder.at("store"));
    const archive = store.blobs.put(bytes);
    const result = await runJob({ kind: "wheel", archive, filename: wheelFilename(), describeAbove }, store);
    expect(result.layer === undefined).toBe(describeAbove > 0);
    segments.push(store.segments.get(result.segment!));
    store.close();
  }
  expect(segments[0]?.sharedObjects).toHaveLength(2);
  expect(segments[0]).toEqual(segments[1]);
});
