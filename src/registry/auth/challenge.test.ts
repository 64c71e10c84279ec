import { expect, test } from "vitest";
import { parseChallenges } from "./challenge.ts";

test("a registry's challenge is read with its quoted commas", () => {
  const header =
    'Bearer realm="https://auth.example/token",service="registry.example",scope="repository:team/app:pull,push"';
  expect(parseChallenges(header)).toEqual([
    {
      scheme: "bearer",
      parameters: {
        realm: "https://auth.example/token",
        service: "registry.example",
        scope: "repository:team/app:pull,push",
      },
    },
  ]);
});

test.for([
  { header: 'Basic realm="a, b=\\"c\\""', read: [{ scheme: "basic", parameters: { realm: 'a, b="c"' } }] },
  { header: "Negotiate", read: [{ scheme: "negotiate", parameters: {} }] },
  {
    header: 'BASIC Realm = x , Bearer realm="https://a",  error=insufficient_scope',
    read: [
      { scheme: "basic", parameters: { realm: "x" } },
      { scheme: "bearer", parameters: { realm: "https://a", error: "insufficient_scope" } },
    ],
  },
  { header: 'realm="nobody asked"', read: [] },
  { header: "", read: [] },
  { header: ', ,="', read: [] },
])("$header", ({ header, read }) => {
  expect(parseChallenges(header)).toEqual(read);
});
