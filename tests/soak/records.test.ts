import { expect, test } from "vitest";
import { lostRecords, randomFrom } from "../support/record-stress.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

test.for([11, 12, 13, 14])(
  "400 rounds of writers that end in every way, seed %i: nothing is lost",
  async (seed) => {
    using folder = temporaryFolder();
    const options = { rounds: 400, width: 4, random: randomFrom(seed) };
    expect(await lostRecords(folder.at("store"), options)).toEqual([]);
  },
);
