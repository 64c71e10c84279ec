import { expect, test } from "vitest";
import { readSkipped } from "./uv-trace.ts";

// Lines of uv 0.13.8 with RUST_LOG=uv_resolver::candidate_selector=trace, of two threads.
const log = `TRACE Selecting candidate for newglibc with range * with 2 remote versions
TRACE Found candidate for package newglibc with range * after 1 steps: 2.0 version
TRACE Found candidate for package py312 with range >0.5, <3 after 1 steps: 2.0+cpu version
TRACE Returning incompatible candidate for package newglibc with range * after 2 steps
TRACE Returning incompatible candidate for package py312 with range >0.5, <3 after 2 steps
TRACE Found candidate for package newglibc with range <=1.0 after 1 steps: 1.0 version
TRACE Returning candidate for package newglibc with range <=1.0 after 1 steps
Resolved 2 packages in 3ms
`;

test("versions that were looked at and left are found among the lines of other threads", () => {
  expect(readSkipped(log)).toEqual([
    { name: "newglibc", version: "2.0" },
    { name: "py312", version: "2.0+cpu" },
  ]);
});

test("another log tells nothing", () => {
  expect(readSkipped("")).toEqual([]);
  expect(
    readSkipped("TRACE Returning incompatible candidate for package a with range * after 1 steps"),
  ).toEqual([]);
});
