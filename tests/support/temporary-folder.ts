import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A folder of the test's own, removed with all in it: `using folder = temporaryFolder()`. */
export function temporaryFolder(): Disposable & { readonly path: string; at(...parts: string[]): string } {
  const path = mkdtempSync(join(tmpdir(), "cambium-test-"));
  return {
    path,
    at: (...parts) => join(path, ...parts),
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  };
}
