import { readKey } from "openpgp";
import { beforeAll, describe, expect, test } from "vitest";
import { releaseText, type SigningKey, signingKey } from "../../../tests/support/debian-mirror.ts";
import { archiveKeys } from "./keyring.ts";
import { verifyRelease } from "./release.ts";

const now = new Date("2025-11-20T12:00:00Z");
const created = new Date("2025-01-01T00:00:00Z");
const index = "Package: a\n";
let key: SigningKey;
let stranger: SigningKey;

beforeAll(async () => {
  key = await signingKey(created);
  stranger = await signingKey(created);
});

function verify(signed: string, keys = [key.publicKey], codename = "bookworm") {
  return verifyRelease(Buffer.from(signed), keys, codename, now, "mirror.example InRelease");
}

describe("a clear-signed InRelease", () => {
  test("gives the hashes of its files", async () => {
    const { text, packages } = releaseText({ codename: "bookworm", index });
    const release = await verify(await key.sign(text));
    expect(release.files.get("main/binary-amd64/Packages.xz")?.sizeBytes).toBe(packages.length);
    expect(release).toMatchObject({ codename: "bookworm", origin: "Debian", hasByHash: true });
  });

  test("is good with one known signer of several keys", async () => {
    const { text } = releaseText({ codename: "bookworm", index });
    await expect(verify(await key.sign(text), [stranger.publicKey, key.publicKey])).resolves.toBeDefined();
  });

  test("signed by a stranger is refused", async () => {
    const { text } = releaseText({ codename: "bookworm", index });
    await expect(verify(await stranger.sign(text))).rejects.toMatchObject({
      code: "RELEASE_SIGNATURE",
      message: expect.stringContaining("mirror.example InRelease"),
      hint: expect.stringContaining("--debian-mirror"),
    });
  });

  test("changed after signing is refused", async () => {
    const { text } = releaseText({ codename: "bookworm", index });
    const signed = (await key.sign(text)).replace("Acquire-By-Hash: yes", "Acquire-By-Hash: no");
    await expect(verify(signed)).rejects.toMatchObject({ code: "RELEASE_SIGNATURE" });
  });

  test("counts only what is inside of the signature", async () => {
    const { text } = releaseText({ codename: "bookworm", index });
    const signed = await key.sign(text);
    const smuggled = `Origin: Debian\nCodename: trixie\n\n${signed}\nOrigin: Debian\n`;
    const outcome = await verify(smuggled, [key.publicKey], "trixie").catch((error: unknown) => error);
    expect(outcome).toMatchObject({ code: expect.stringMatching(/^RELEASE_(SIGNATURE|ORIGIN)$/) });
  });

  test("without any signature is refused", async () => {
    await expect(verify(releaseText({ codename: "bookworm", index }).text)).rejects.toMatchObject({
      code: "RELEASE_SIGNATURE",
    });
  });

  test("of another vendor or suite is refused with both values", async () => {
    const other = releaseText({ codename: "bookworm", origin: "Ubuntu", index });
    await expect(verify(await key.sign(other.text))).rejects.toMatchObject({
      code: "RELEASE_ORIGIN",
      message: expect.stringContaining('"Ubuntu"'),
    });
    const { text } = releaseText({ codename: "trixie", index });
    await expect(verify(await key.sign(text))).rejects.toMatchObject({ code: "RELEASE_ORIGIN" });
  });

  test("past its Valid-Until is refused with exit code 3", async () => {
    const { text } = releaseText({
      codename: "bookworm",
      validUntil: "Thu, 20 Nov 2025 11:59:59 UTC",
      index,
    });
    await expect(verify(await key.sign(text))).rejects.toMatchObject({
      code: "RELEASE_EXPIRED",
      exitCode: 3,
      message: expect.stringContaining("2025-11-20T11:59:59.000Z"),
    });
  });

  test("from the future is refused, a slow clock of an hour is not", async () => {
    const early = releaseText({ codename: "bookworm", date: "Thu, 20 Nov 2025 13:00:00 UTC", index });
    await expect(verify(await key.sign(early.text, new Date("2025-11-20T13:00:00Z")))).resolves.toBeDefined();
    const late = releaseText({ codename: "bookworm", date: "Mon, 24 Nov 2025 00:00:00 UTC", index });
    await expect(verify(await key.sign(late.text))).rejects.toMatchObject({ code: "RELEASE_FUTURE" });
  });

  test.for(["SHA256:\n zz 1 main/x", "SHA256:\n 00 -1 main/x", "SHA256:\n 00 1"])(
    "with %j is refused",
    async (lines) => {
      const text = `Origin: Debian\nCodename: bookworm\nDate: Sat, 01 Nov 2025 00:00:00 UTC\n${lines}\n`;
      await expect(verify(await key.sign(text))).rejects.toMatchObject({
        code: expect.stringMatching(/^(RELEASE_SYNTAX|DIGEST_SYNTAX)$/),
      });
    },
  );
});

test("the shipped keys are the ones that Debian announced", async () => {
  const fingerprints = async (archive: "debian" | "debian-security") =>
    Promise.all(
      archiveKeys(archive).map(async (armoredKey) =>
        (await readKey({ armoredKey })).getFingerprint().toUpperCase(),
      ),
    );
  expect(await fingerprints("debian")).toEqual([
    "B8B80B5B623EAB6AD8775C45B7C5D7D6350947F8",
    "04B54C3CDCA79751B16BC6B5225629DF75B188BD",
    "4D64FEC119C2029067D6E791F8D2585B8783D481",
    "41587F7DB8C774BCCF131416762F67A0B2C39DE4",
  ]);
  expect(await fingerprints("debian-security")).toEqual([
    "05AB90340C0C5E797F44A8C8254CF3B5AEC0A8F0",
    "5E04A1E3223A19A20706E20F9904613D4CCE68C6",
  ]);
});
