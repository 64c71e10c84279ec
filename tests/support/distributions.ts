import { crc32, gzipSync } from "node:zlib";

/** A file as an index serves it. */
export type DistributionFile = {
  readonly filename: string;
  readonly bytes: Buffer;
  readonly requiresPython?: string;
  readonly isYanked?: boolean;
};

export type TinyWheel = {
  readonly name: string;
  readonly version: string;
  /** Default `py3-none-any`. */
  readonly tag?: string;
  readonly requires?: readonly string[];
  readonly extras?: readonly string[];
  readonly requiresPython?: string;
  readonly isYanked?: boolean;
};

/** A wheel with nothing but its metadata, for questions of resolution. */
export function tinyWheel(wheel: TinyWheel): DistributionFile {
  const { version, tag = "py3-none-any", requires = [], extras = [], requiresPython } = wheel;
  const name = wheel.name.replace(/[-.]+/g, "_");
  const info = `${name}-${version}.dist-info`;
  const metadata = [
    "Metadata-Version: 2.1",
    `Name: ${wheel.name}`,
    `Version: ${version}`,
    ...(requiresPython === undefined ? [] : [`Requires-Python: ${requiresPython}`]),
    ...extras.map((extra) => `Provides-Extra: ${extra}`),
    ...requires.map((line) => `Requires-Dist: ${line}`),
  ].join("\n");
  const about = `Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: ${tag.endsWith("any")}\nTag: ${tag}\n`;
  const bytes = storedZip({
    [`${name}/__init__.py`]: `version = ${JSON.stringify(version)}\n`,
    [`${info}/METADATA`]: `${metadata}\n`,
    [`${info}/WHEEL`]: about,
    [`${info}/RECORD`]: [`${name}/__init__.py`, "METADATA", "WHEEL", "RECORD"]
      .map((file) => `${file.includes("/") ? file : `${info}/${file}`},,\n`)
      .join(""),
  });
  return {
    filename: `${name}-${version}-${tag}.whl`,
    bytes,
    ...(requiresPython === undefined ? {} : { requiresPython }),
    ...(wheel.isYanked === undefined ? {} : { isYanked: wheel.isYanked }),
  };
}

/**
 * A source distribution with code that runs as soon as anyone builds it or asks it for metadata: as `setup.py`, and as
 * a build backend of its own that needs nothing from an index.
 */
export function tinySdist(name: string, version: string, code: string): DistributionFile {
  const build = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n';
  const root = `${name}-${version}`;
  const bytes = gzipSync(
    Buffer.concat([
      tarEntry(`${root}/PKG-INFO`, `Metadata-Version: 1.0\nName: ${name}\nVersion: ${version}\n`),
      tarEntry(`${root}/setup.py`, code),
      tarEntry(`${root}/backend.py`, code),
      tarEntry(`${root}/pyproject.toml`, build),
      Buffer.alloc(1024),
    ]),
  );
  return { filename: `${root}.tar.gz`, bytes };
}

/** APPNOTE.TXT §4.3, method 0. */
function storedZip(files: Readonly<Record<string, string>>): Buffer {
  const parts: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const [name, text] of Object.entries(files)) {
    const data = Buffer.from(text);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(0x21, 8);
    common.writeUInt32LE(crc32(data), 10);
    common.writeUInt32LE(data.length, 14);
    common.writeUInt32LE(data.length, 18);
    common.writeUInt16LE(Buffer.byteLength(name), 22);
    parts.push(Buffer.from("PK\x03\x04", "latin1"), common, Buffer.from(name), data);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE((0o100644 << 16) >>> 0, 6);
    tail.writeUInt32LE(offset, 10);
    central.push(Buffer.from("PK\x01\x02\x14\x03", "latin1"), common, tail, Buffer.from(name));
    offset += 30 + Buffer.byteLength(name) + data.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06", 0, "latin1");
  end.writeUInt16LE(Object.keys(files).length, 8);
  end.writeUInt16LE(Object.keys(files).length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, directory, end]);
}

/** POSIX ustar. */
function tarEntry(name: string, text: string): Buffer {
  const data = Buffer.from(text);
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write("0000644\0", 100);
  header.write("0000000\0", 108);
  header.write("0000000\0", 116);
  header.write(`${data.length.toString(8).padStart(11, "0")}\0`, 124);
  header.write("00000000000\0", 136);
  header.write("        ", 148);
  header.write("0", 156);
  header.write("ustar\x0000", 257, "latin1");
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return Buffer.concat([header, data, Buffer.alloc((512 - (data.length % 512)) % 512)]);
}
