import { expect, test } from "vitest";
import { parseLayoutReference } from "./layout-reference.ts";

const digest = `sha256:${"ab".repeat(32)}`;

test.for([
  ["oci-layout:///images/app", { folder: "/images/app" }],
  ["oci-layout:///images/app:1.2-x", { folder: "/images/app", tag: "1.2-x" }],
  [`oci-layout:///images/app@${digest}`, { folder: "/images/app", digest }],
  ["oci-layout:///a:b/app", { folder: "/a:b/app" }],
  ["oci-layout:///a@b/app:1", { folder: "/a@b/app", tag: "1" }],
  ["docker-image://app:1", undefined],
  ["/images/app", undefined],
] as const)("%s", ([text, reference]) => {
  expect(parseLayoutReference(text)).toEqual(reference);
});

test.for([
  ["oci-layout://", "REFERENCE_SYNTAX"],
  ["oci-layout:///images/app@sha256:ab", "DIGEST_SYNTAX"],
] as const)("%s is refused", ([text, code]) => {
  expect(() => parseLayoutReference(text)).toThrow(expect.objectContaining({ code }));
});
