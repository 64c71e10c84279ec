import { expect, test } from "vitest";
import { collectOften } from "./collect-often.ts";

test("what was left behind is collected long before V8 would do it by itself", () => {
  const before = process.memoryUsage().arrayBuffers;
  let most = 0;
  for (let i = 0; i < 256; i++) {
    const left = Buffer.allocUnsafeSlow(1 << 20);
    collectOften(left.length);
    most = Math.max(most, process.memoryUsage().arrayBuffers - before);
  }
  expect(most).toBeLessThan(48 << 20);
});
