import fc from "fast-check";
import { expect, test } from "vitest";
import {
  createCredentialBook,
  parseNetrc,
  splitCredentials,
  stripCredentials,
  withCredentials,
} from "./credentials.ts";

test.for([
  ["https://u:p@index.example/simple/", "https://index.example/simple/", "u", "p"],
  ["https://token@index.example/simple/", "https://index.example/simple/", "token", ""],
  ["https://u:p%40ss%2Fword@index.example/", "https://index.example/", "u", "p@ss/word"],
  ["https://u:p@ss@index.example/", "https://index.example/", "u", "p@ss"],
  ["http://u:100%@index.example:8080/a@b", "http://index.example:8080/a@b", "u", "100%"],
] as const)("%s is taken apart", ([written, url, username, password]) => {
  expect(splitCredentials(written)).toEqual({ url, credentials: { url, username, password } });
});

test.for(["https://index.example/a@b", "index.example", "../folder@2", "https://index.example/?q=u:p@x", ""])(
  "%j has no credentials to take",
  (text) => {
    expect(splitCredentials(text)).toEqual({ url: text });
  },
);

test("what is put into a URL comes out of it again", () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), fc.string(), (username, password) => {
      fc.pre(username.isWellFormed() && password.isWellFormed());
      const url = "https://index.example/simple/";
      const { credentials } = splitCredentials(withCredentials(url, { username, password }));
      expect(credentials).toEqual({ url, username, password });
    }),
  );
});

const none = { urls: [], netrc: [] };

test("credentials go to their own server only, the longest path first", () => {
  const book = createCredentialBook({
    ...none,
    urls: [
      { url: "https://index.example/a/", username: "a", password: "1" },
      { url: "https://index.example/a/b/", username: "b", password: "2" },
    ],
  });
  expect(book.credentialsFor("https://index.example/a/b/c.whl")).toEqual({ username: "b", password: "2" });
  expect(book.credentialsFor("https://index.example/files/c.whl")).toEqual({ username: "a", password: "1" });
  for (const other of [
    "http://index.example/a/",
    "https://index.example:444/a/",
    "https://index.example.evil.example/a/",
    "https://evil.example/index.example/a/",
    "file:///index.example/a/",
    "not a URL",
  ]) {
    expect(book.credentialsFor(other)).toBeUndefined();
  }
});

test("a .netrc is read with comments, quotes, macros, defaults and any line breaks", () => {
  const text = [
    "# machine commented.example login no password no",
    "machine one.example login u password #hash",
    "machine two.example",
    "\tlogin v account x",
    '\tpassword "with space and \\"quote\\""',
    "macdef init",
    "machine macro.example login no password no",
    "",
    "machine empty.example",
    "default login anonymous password guest",
  ].join("\r\n");
  expect(parseNetrc(text)).toEqual([
    { machine: "one.example", username: "u", password: "#hash" },
    { machine: "two.example", username: "v", password: 'with space and "quote"' },
    { username: "anonymous", password: "guest" },
  ]);
  const book = createCredentialBook({ ...none, netrc: parseNetrc(text) });
  expect(book.credentialsFor("https://ONE.example/x")).toEqual({ username: "u", password: "#hash" });
  expect(book.credentialsFor("https://other.example/x")).toEqual({
    username: "anonymous",
    password: "guest",
  });
});

test("any text is a .netrc that ends", () => {
  fc.assert(fc.property(fc.string(), (text) => void parseNetrc(text)));
});

test("the keyring is asked once a server, and not where a password is known", async () => {
  const asked: string[] = [];
  const book = createCredentialBook({
    netrc: [],
    urls: [
      { url: "https://known.example/", username: "u", password: "p" },
      { url: "https://half.example/", username: "u", password: "" },
    ],
    keyring: async (url, username) => {
      asked.push(`${username ?? ""} ${url}`);
      return url.includes("empty") ? undefined : { username: username ?? "k", password: "r" };
    },
  });
  const urls = [
    "https://known.example/",
    "https://half.example/",
    "https://new.example/a/",
    "https://empty.example/",
  ];
  await book.prepare([...urls, "https://new.example/b/", "file:///x"]);
  await book.prepare(urls);
  expect(asked).toEqual(["u https://half.example/", " https://new.example/a/", " https://empty.example/"]);
  expect(book.credentialsFor("https://half.example/x")).toEqual({ username: "u", password: "r" });
  expect(book.credentialsFor("https://new.example/x")).toEqual({ username: "k", password: "r" });
  expect(book.credentialsFor("https://empty.example/x")).toBeUndefined();
});

test("no known password survives in a text, plain or encoded", () => {
  const password = "p@ss word/1";
  const urls = [{ url: "https://index.example/", username: "u", password }];
  const book = createCredentialBook({ ...none, urls });
  const text = `${password} ${encodeURIComponent(password)} https://x:unknown@index.example/`;
  expect(book.redact(text)).toBe("**** **** https://****@index.example/");
});

test("what is no URL stays as it is", () => {
  expect(stripCredentials("C:\\wheels@2")).toBe("C:\\wheels@2");
});
