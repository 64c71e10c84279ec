import { describe, expect, test } from "vitest";
import { type AccountTexts, mergeAccounts } from "./merge-accounts.ts";

const names = { below: "base", added: "stage db" };
const merged = (below: AccountTexts, added: AccountTexts, over: AccountTexts = {}) => {
  const { texts, warnings } = mergeAccounts({ below, added, over, names });
  return { texts, warnings: warnings.map(({ message }) => message) };
};
const ROOT = "root:x:0:0:root:/root:/bin/bash\n";

test("lines stay where they are, new ones follow, and what is there twice is there once", () => {
  const { texts, warnings } = merged(
    { passwd: `${ROOT}app:x:1000:1000::/home/app:/bin/sh\n`, group: "root:x:0:\napp:x:1000:\n" },
    { passwd: `${ROOT}db:x:999:999::/var/lib/db:/bin/false\n`, group: "root:x:0:\ndb:x:999:\n" },
  );
  expect(texts).toEqual({
    passwd: `${ROOT}app:x:1000:1000::/home/app:/bin/sh\ndb:x:999:999::/var/lib/db:/bin/false\n`,
    group: "root:x:0:\napp:x:1000:\ndb:x:999:\n",
  });
  expect(warnings).toEqual([]);
});

test("members of a group are united, in shadow's table too, with its administrators", () => {
  const { texts, warnings } = merged(
    { group: "docker:x:5:ann,bob\n", gshadow: "docker:!:ann:ann,bob\n" },
    { group: "docker:x:5:bob,eve\n", gshadow: "docker:!:eve:bob,eve\n" },
  );
  expect(texts).toEqual({ group: "docker:x:5:ann,bob,eve\n", gshadow: "docker:!:ann,eve:ann,bob,eve\n" });
  expect(warnings).toEqual([]);
});

describe("numbers", () => {
  test.for([
    ["a uid", "passwd", "db:x:999:999::/:\n", "db:x:998:999::/:\n", "999:999", "998:999"],
    ["a user's gid", "passwd", "db:x:999:999::/:\n", "db:x:999:5::/:\n", "999:999", "999:5"],
    ["a gid", "group", "db:x:999:\n", "db:x:998:\n", "999", "998"],
  ] as const)("two of one name are refused with the way out: %s", ([, table, below, added, was, is]) => {
    expect(() => merged({ [table]: below }, { [table]: added })).toThrowError(
      expect.objectContaining({
        code: "ACCOUNT_CONFLICT",
        message: expect.stringMatching(new RegExp(`"db" has .* ${was} in base and ${is} in stage db`)),
        hint: expect.stringContaining("the same number in both"),
      }),
    );
  });

  test("one under two names is told, and both stay", () => {
    const { texts, warnings } = merged(
      { passwd: "app:x:1000:1000::/:\n", group: "app:x:1000:\n" },
      { passwd: "web:x:1000:1000::/:\n", group: "web:x:1000:\n" },
    );
    expect(texts.passwd).toBe("app:x:1000:1000::/:\nweb:x:1000:1000::/:\n");
    expect(warnings).toEqual([
      "/etc/passwd: uid 1000 is app's in base and web's in stage db: each owns the other's files",
      "/etc/group: gid 1000 is app's in base and web's in stage db: each owns the other's files",
    ]);
  });

  test("one under two names in one tree was so there, and is not told", () => {
    const twins = "root:x:0:0::/:\ntoor:x:0:0::/:\n";
    expect(merged({ passwd: ROOT }, { passwd: twins.replace("root:x:0:0::/:\n", ROOT) }).warnings).toEqual(
      [],
    );
  });
});

test("of another home, shell or password the later is taken, and no password is shown", () => {
  const { texts, warnings } = merged(
    { passwd: ROOT, shadow: "root:$6$secret1:1::::::\n" },
    { passwd: ROOT.replace("bash", "zsh"), shadow: "root:$6$secret2:1::::::\n" },
  );
  expect(texts).toEqual({ passwd: ROOT.replace("bash", "zsh"), shadow: "root:$6$secret2:1::::::\n" });
  expect(warnings).toEqual([
    "/etc/passwd: root has another home, shell or comment in stage db than in base: that of stage db is taken",
    "/etc/shadow: root has another entry in stage db than in base: that of stage db is taken",
  ]);
});

describe("a difference", () => {
  const over = { passwd: `${ROOT}old:x:5:5::/:\nkept:x:6:6::/:\n`, group: "staff:x:50:old,kept\n" };

  test("brings what it added and changed, and takes what it removed; what it found is not its own", () => {
    const added = { passwd: `${ROOT}kept:x:6:6::/srv:\nnew:x:7:7::/:\n`, group: "staff:x:50:kept,new\n" };
    const below = { passwd: `mine:x:9:9::/:\n${over.passwd}`, group: "staff:x:50:old,kept,mine\n" };
    const { texts, warnings } = merged(below, added, over);
    expect(texts).toEqual({
      passwd: `mine:x:9:9::/:\n${ROOT}kept:x:6:6::/srv:\nnew:x:7:7::/:\n`,
      group: "staff:x:50:kept,mine,new\n",
    });
    expect(warnings).toEqual([]);
    expect(merged({ passwd: "mine:x:9:9::/:\n" }, { passwd: over.passwd }, over).texts.passwd).toBe(
      "mine:x:9:9::/:\n",
    );
  });

  test("may give a name another number, on what it was made on", () => {
    const added = { passwd: `${ROOT}old:x:5:5::/:\nkept:x:66:6::/:\n` };
    expect(merged(over, added, over).texts.passwd).toBe(added.passwd);
    const elsewhere = { passwd: "kept:x:61:6::/:\n" };
    expect(() => merged(elsewhere, added, over)).toThrowError(/"kept" has uid:gid 61:6 in base and 66:6/);
  });

  test("on a base where a name it found has another number says so", () => {
    const { texts, warnings } = merged({ passwd: "kept:x:61:6::/:\n" }, { passwd: over.passwd }, over);
    expect(texts.passwd).toBe("kept:x:61:6::/:\n");
    expect(warnings).toEqual([
      "/etc/passwd: kept is 61:6 in base and was 6:6 where stage db was made: its files keep that number",
    ]);
  });

  test("leaves an entry that the base changed meanwhile, when it removed it", () => {
    const added = { passwd: `${ROOT}kept:x:6:6::/:\n` };
    const below = { passwd: "old:x:5:5::/elsewhere:\n" };
    expect(merged(below, added, over).texts.passwd).toBe("old:x:5:5::/elsewhere:\n");
  });
});

test("what is no entry stays below and is not brought along; a last line may lack its end", () => {
  const { texts } = merged(
    { passwd: `# ours\n\n${ROOT}+nis` },
    { passwd: "# theirs\nbroken\nnew:x:7:7::/:" },
  );
  expect(texts.passwd).toBe(`# ours\n\n${ROOT}+nis\nnew:x:7:7::/:\n`);
});

test("a table that one side has not is the other's", () => {
  expect(merged({ passwd: ROOT }, { shadow: "root:*:1::::::\n" }).texts).toEqual({
    passwd: ROOT,
    shadow: "root:*:1::::::\n",
  });
});
