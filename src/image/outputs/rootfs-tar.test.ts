import { expect, test } from "vitest";
import { layerFromTar } from "../../../tests/support/layers.ts";
import { readTar, type TarEntry } from "../../layer/read-tar.ts";
import { type TarMember, writeTar } from "../../layer/write-tar.ts";
import { rootfsTar } from "./rootfs-tar.ts";

const base = { mode: 0o600, uid: 1, gid: 2 };
const members: TarMember[] = [
  { entry: { type: "directory", path: "d", ...base }, mtimeSec: 5.25, mtimeText: "5.250000001" },
  { entry: { type: "file", path: "d/f\udcff", ...base, size: 1 }, mtimeSec: -3, content: [Buffer.from("x")] },
  { entry: { type: "block", path: "d/b", ...base, device: { major: 7, minor: 1 } }, mtimeSec: 1 },
  { entry: { type: "fifo", path: "d/p", ...base }, mtimeSec: 2 ** 40 },
];

test("what a RUN step can leave comes out as it went in", async () => {
  const chunks: Uint8Array[] = [];
  for await (const chunk of writeTar(members)) chunks.push(chunk);
  const out = await entriesOf(rootfsTar([layerFromTar(Buffer.concat(chunks))]));
  expect(
    out.map(({ path, type, mtimeSec, mtimeText, device }) => [path, type, mtimeText ?? mtimeSec, device]),
  ).toEqual([
    ["d", "directory", "5.250000001", undefined],
    ["d/f\udcff", "file", -3, undefined],
    ["d/b", "block", 1, { major: 7, minor: 1 }],
    ["d/p", "fifo", 2 ** 40, undefined],
  ]);
});

async function entriesOf(tar: AsyncIterable<Uint8Array>): Promise<TarEntry[]> {
  const entries: TarEntry[] = [];
  for await (const entry of readTar(tar, "test", { hasRawNames: true })) entries.push(entry);
  return entries;
}
