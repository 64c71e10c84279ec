import { type CambiumLock, readCambiumLock, writeCambiumLock } from "../../../src/ecosystems/cambium-lock.ts";
import { parseProjectName } from "../../../src/ecosystems/python/name.ts";
import { digestOf } from "../../../src/layer/digest.ts";
import type { Example } from "./example.ts";

export function exampleLock(): CambiumLock {
  return {
    version: 1,
    inputs: digestOf("what the project says"),
    debian: {
      suite: "bookworm",
      variant: "standard",
      packages: ["libgomp1"],
      targets: {
        amd64: [
          {
            name: "base-files",
            version: "12.4+deb12u11",
            architecture: "amd64",
            sha256: digestOf("base-files"),
            sizeBytes: 70_776,
            path: "pool/main/b/base-files/base-files_12.4+deb12u11_amd64.deb",
            archive: "debian",
          },
        ],
      },
    },
    python: {
      environments: ["python_full_version == '3.11.2' and platform_machine == 'x86_64'"],
      distributions: [
        {
          name: parseProjectName("Six", "example"),
          version: "1.17.0",
          index: "https://index.example/simple",
          allowedHashes: [digestOf("six wheel")],
          wheels: [
            {
              filename: "six-1.17.0-py2.py3-none-any.whl",
              url: "https://files.example/six-1.17.0-py2.py3-none-any.whl",
              sha256: digestOf("six wheel"),
              sizeBytes: 11_050,
            },
          ],
        },
      ],
    },
  };
}

/** On an image of a registry, with one package of Debian more. */
export function exampleBaseLock(): CambiumLock {
  const { debian, python, ...rest } = exampleLock();
  const target = { python: { version: "3.12.4", path: "/usr/local/bin/python3.12" }, glibc: "2.36" };
  return {
    ...rest,
    base: {
      reference: "docker.io/library/python:3.12-slim",
      digest: digestOf("index"),
      targets: { amd64: { digest: digestOf("manifest"), ...target, suite: "bookworm" } },
    },
    debian: { ...debian!, variant: "none" },
    python: { ...python!, inputs: digestOf("what is asked of Python, and for which targets") },
  };
}

export function lockExamples(): Example[] {
  const [text, onBase] = [exampleLock(), exampleBaseLock()].map((lock) => {
    const written = writeCambiumLock(lock, { urls: true });
    if (writeCambiumLock(readCambiumLock(written, "cambium.lock"), { urls: true }) !== written) {
      throw new Error("the lock does not survive reading");
    }
    return written.trimEnd();
  }) as [string, string];
  const baseTable = /^\[base\][\s\S]*?(?=\n\n\[debian\])/m.exec(onBase)?.[0] ?? "";
  const pythonHead = /^\[python\]\n.*$/m.exec(onBase)?.[0] ?? "";
  return [
    { name: "cambium-lock", text },
    { name: "cambium-lock-base", text: `${baseTable}\n\n${pythonHead}` },
  ];
}
