import { expect, test } from "vitest";
import { formatRequirement, parseRequirement } from "./requirement.ts";

test.each([
  ["A", "a"],
  ["A.B-C_D", "a-b-c-d"],
  ["name>=3", "name>=3"],
  ["name <3 , >=2", "name<3,>=2"],
  ["name (>=3,<4)", "name<4,>=3"],
  [
    "name[quux, Strange_Extra] ;python_version<'2.7' and platform_version=='2'",
    "name[quux,strange-extra] ; python_version < '2.7' and platform_version == '2'",
  ],
  ["name[]", "name"],
  ["name@http://foo.example", "name @ http://foo.example"],
  [
    "name[fred,bar] @ http://foo.example ; python_version=='2.7'",
    "name[bar,fred] @ http://foo.example ; python_version == '2.7'",
  ],
  ["name===1.0.0-weird!", "name===1.0.0-weird!"],
  ["name;os_name=='a'", "name ; os_name == 'a'"],
  ["name>=1.0,", "name>=1.0"],
  ["  name  ==  1.*  ", "name==1.*"],
])("%j reads as %j", (text, normal) => {
  expect(formatRequirement(parseRequirement(text, "test"))).toBe(normal);
});

test("the parts stand apart", () => {
  const requirement = parseRequirement("Foo[b,a] @ https://host.example/x.whl ; extra == 'Y'", "test");
  expect(requirement).toMatchObject({
    name: "foo",
    extras: ["a", "b"],
    specifier: [],
    url: "https://host.example/x.whl",
  });
  expect(requirement.marker).toMatchObject({ variable: "extra", literal: "y" });
});

test.each([
  ["", 1, "REQUIREMENT_SYNTAX"],
  ["-e .", 1, "REQUIREMENT_SYNTAX"],
  ["name 1.0", 6, "REQUIREMENT_SYNTAX"],
  ["name[a b]", 8, "REQUIREMENT_SYNTAX"],
  ["name[a", 7, "REQUIREMENT_SYNTAX"],
  ["name (>=1", 10, "REQUIREMENT_SYNTAX"],
  ["name @", 7, "REQUIREMENT_SYNTAX"],
  ["name>=1 <2", 9, "REQUIREMENT_SYNTAX"],
  ["name; python_version", 21, "REQUIREMENT_SYNTAX"],
  ["name @ https://host.example/ os_name=='a'", 30, "REQUIREMENT_SYNTAX"],
])("%j is refused at column %i", (text, column, code) => {
  expect(() => parseRequirement(text, "requirements.txt:4")).toThrow(
    expect.objectContaining({
      code,
      message: expect.stringContaining(`requirements.txt:4: column ${column}: expected`),
    }),
  );
});

test.each([
  "https://user:secret@host.example/x",
  "https://user:sec/ret@host.example/x",
  "https://secret@host.example",
  "git+ssh://a:s@cret@host.example/x",
])("a message about %s has no secret in it", (url) => {
  expect(() => parseRequirement(`name @ ${url} oops`, "test")).toThrow(
    expect.objectContaining({ message: expect.not.stringMatching(/s@?ec\/?ret|s@cret/) }),
  );
});
