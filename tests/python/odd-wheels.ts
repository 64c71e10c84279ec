import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { DirectUrl } from "../../src/ecosystems/python/lock.ts";
import { digestOf, hexOf } from "../../src/layer/digest.ts";
import { type WheelFile, type WheelOptions, wheel, wheelFilename } from "../support/wheel.ts";

/** A wheel made here, in a form that real ones have rarely or never, but that pip installs. */
export type OddWheel = {
  readonly name: string;
  readonly version: string;
  readonly filename: string;
  readonly sha256: string;
  readonly path: string;
  /** Installed by path instead of by name, so that pip records where it came from. */
  readonly directUrl?: DirectUrl;
};

type Odd = {
  readonly files: Readonly<Record<string, WheelFile>>;
  readonly options?: Omit<WheelOptions, "name">;
  /** Default `py3-none-any`. */
  readonly tag?: string;
  readonly filename?: string;
  readonly isDirect?: boolean;
};

const executable = 0o100755;
const BINARY = "cp311-cp311-manylinux_2_17_x86_64";

/** By project name. */
const ODD: Readonly<Record<string, Odd>> = {
  "odd-scripts": {
    files: {
      "odd_scripts-1.0.data/scripts/odd-args": { content: "#!python -E\nprint(1)\n", mode: executable },
      "odd_scripts-1.0.data/scripts/odd-gui": "#!pythonw\nprint(1)\n",
      "odd_scripts-1.0.data/scripts/odd-crlf": "#!python\r\nprint(1)\r\n",
      "odd_scripts-1.0.data/scripts/odd-bare": { content: "#!python", mode: 0o100711 },
      "odd_scripts-1.0.data/scripts/odd-env": "#!/usr/bin/env python\nprint(1)\n",
      "odd_scripts-1.0.data/scripts/odd-empty": "",
      "odd_scripts-1.0.data/scripts/odd-long": {
        content: `#!python\n${"# x\n".repeat(20_000)}`,
        mode: 0o755,
      },
      "odd_scripts-1.0.data/scripts/sub/odd": "#!python\n",
      "odd_scripts-1.0.data/data/bin/odd-data": "#!python\nleft alone\n",
    },
  },
  "odd-entry-points": {
    files: {
      "@/entry_points.txt": `# comment
before = any:section
[console_scripts]
odd-dotted=odd.cli:App.main
ODD-extras = odd.cli:main [a, b]
odd-junk = odd.cli:main and more
odd-twice = odd:first
odd with space = odd:spaced
odd-twice = odd:second
odd-ünï = ödd:mäin
odd.ext.py = odd:main
sub/odd-sub = odd:main
[gui_scripts]
odd-win = odd.gui:run
odd-twice = odd.gui:wins
[other.group]
odd-other = odd:other
`,
      "odd_entry_points-1.0.data/scripts/odd-win": "#!python\n# replaced\n",
      "odd_entry_points-1.0.data/scripts/odd-dotted-script.py": "#!python\n# left out\n",
      "odd_entry_points-1.0.data/scripts/odd-win.exe": "MZ",
      "odd_entry_points-1.0.data/scripts/odd-win.pya": "x",
      "odd_entry_points-1.0.data/scripts/odd-other": "#!python\n# kept\n",
    },
  },
  "odd-versioned": {
    tag: BINARY,
    files: {
      "@/entry_points.txt":
        "[console_scripts]\npip3.9 = odd:main\nx = odd:x\npip = odd:main\neasy_install = odd:easy\neasy_install-2.7 = odd:easy\n",
    },
  },
  "odd-data": {
    tag: BINARY,
    files: {
      "odd_data/__init__.py": "root\n",
      "odd_data-1.0.data/purelib/odd_data/__init__.py": "purelib wins\n",
      "odd_data-1.0.data/platlib/odd_data/plat.py": "x",
      "odd_data-1.0.data/headers/odd.h": "x",
      "odd_data-1.0.data/headers/sub/odd.h": "x",
      "odd_data-1.0.data/data/lib/python3.11/site-packages/odd_data/through_link.py": "x",
      "odd_data-1.0.data/data/lib64/odd.so": { content: "x", mode: executable },
      "odd_data-1.0.data/data/etc/odd.conf": "x",
      "elsewhere.data/data/share/odd.txt": "x",
    },
  },
  "odd-record": {
    files: {
      "odd,comma.py": "x",
      'odd"quote.py': "x",
      "odd space.py": "x",
      "ödd.py": "x",
      "\u{1f600}.py": "x",
      "\uffee.py": "x",
      "./odd_dot.py": "x",
      "odd//slashes.py": "x",
      "unnamed.py": "not in RECORD",
      "@/RECORD": `"odd,comma.py",sha512=abc,1\r\n"odd""quote.py",,\r\nodd space.py,sha256=wrong,99\r\nödd.py\r\n./odd_dot.py,sha256=x,1\r\nabsent.py,sha256=y,2\r\n"ab""sent,2.py",sha256=y,2,more\r\nodd_record-1.0.dist-info/RECORD,,`,
      "@/RECORD.jws": "{}",
      "@/RECORD.p7s": "x",
      "@/licenses/sub/LICENSE": "x",
    },
  },
  "odd-modes": {
    files: {
      ...Object.fromEntries(
        [0, 0o644, 0o755, 0o100600, 0o100644, 0o100755, 0o100777, 0o100001, 0o100010, 0o104755].map(
          (mode) => [`odd_modes/m${mode.toString(8)}.sh`, { content: `${mode}`, mode }],
        ),
      ),
      "odd_modes/empty/": { content: "", mode: 0o040755 },
      "odd_modes/": { content: "", mode: 0o040700 },
    },
  },
  "odd-info": {
    options: { version: "1.0.0" },
    filename: "odd_info-1.0-py3-none-any.whl",
    files: {
      "@/REQUESTED": "yes",
      "@/direct_url.json": "{}",
      "@/WHEEL": "wheel-version: 1.9\r\nroot-is-purelib: false\r\nTag: py3-none-any\r\n",
      "odd_info/_vendor/other-2.0.dist-info/RECORD": "x,,\n",
      "odd_info/_vendor/other-2.0.dist-info/INSTALLER": "pip\n",
    },
  },
  "odd-forms": {
    options: { zip64End: true, comment: "made by hand" },
    files: {
      "odd_forms/stored.py": { content: "x = 1\n", method: "stored" },
      "odd_forms/signed.py": { content: "x = 2\n", descriptor: "signed" },
      "odd_forms/wide.py": { content: "x = 4\n", zip64: true, descriptor: "signed" },
      "odd_forms/bzip2.py": {
        content: "x = 1\n".repeat(3),
        method: 12,
        compressed: Buffer.from(
          "425a683931415926535971a7881b000008d88000104000200200402000223d26d06683ca23c2617724538509071a7881b0",
          "hex",
        ),
      },
      "odd_forms/lzma.py": {
        content: "x = 1\n".repeat(3),
        method: 14,
        compressed: Buffer.from("090405005d00008000003c0803a21156de49f9c9f9fffffab06000", "hex"),
      },
      "odd_forms/empty_stored.py": { content: "", method: "stored" },
      "odd_forms/empty.py": "",
    },
  },
  "odd-local": { options: { version: "1.0+local.1" }, files: { "odd_local.py": "x" } },
  "odd-direct": { files: { "odd_direct.py": "x" }, isDirect: true },
};

/** Writes the wheels into a folder, which pip can then find them in. */
export function writeOddWheels(folder: string): OddWheel[] {
  mkdirSync(folder, { recursive: true });
  return Object.entries(ODD).map(([name, odd]) => {
    const options = { ...odd.options, name };
    const filename = odd.filename ?? wheelFilename(options, odd.tag);
    const bytes = wheel(odd.files, options);
    const path = join(folder, filename);
    writeFileSync(path, bytes);
    const sha256 = hexOf(digestOf(bytes));
    const directUrl = { url: pathToFileURL(path).href, archive_info: { hashes: { sha256 } } };
    const version = odd.options?.version ?? "1.0";
    return { name, version, filename, sha256, path, ...(odd.isDirect === true ? { directUrl } : {}) };
  });
}
