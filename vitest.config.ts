import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * They take a minute or two though their text is short. Without times of an earlier run vitest begins with the largest
 * files, and these were left for the end, one of them for a minute alone.
 */
const SLOW = ["build/killed", "debian/alternatives", "dockerfile/killed", "python/bytecode"];

class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isSlow = ({ moduleId }: TestSpecification) =>
      SLOW.some((name) => moduleId.endsWith(`/${name}.test.ts`));
    const sorted = await super.sort(files);
    return [...sorted.filter(isSlow), ...sorted.filter((file) => !isSlow(file))];
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: SlowFirst },
    projects: [
      // Of two cores vitest would leave one free.
      { test: { name: "unit", include: ["src/**/*.test.ts"], testTimeout: 20_000, maxWorkers: 2 } },
      {
        test: {
          name: "system",
          include: ["tests/**/*.test.ts"],
          exclude: ["tests/soak/**"],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          // On two cores: the third works while others wait for disks, servers and processes that they killed.
          maxWorkers: 3,
        },
      },
      {
        test: {
          name: "soak",
          include: ["tests/soak/**/*.test.ts"],
          testTimeout: 3_600_000,
          hookTimeout: 600_000,
        },
      },
    ],
  },
});
