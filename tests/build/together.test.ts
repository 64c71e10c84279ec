import { expect, test } from "vitest";
import { tinyWheel } from "../support/distributions.ts";
import { startFaultyServer } from "../support/faulty-server.ts";
import { digestIn, lockedWheel, pylockFiles, requirementsFiles, workplace } from "../support/project.ts";
import { startPythonIndex } from "../support/python-index.ts";
import { illnessesOf } from "../support/store-health.ts";
import { wheel } from "../support/wheel.ts";

test("four builds at once of projects with the same wheels ask for each wheel once", async () => {
  await using server = await startFaultyServer();
  using place = await workplace();
  const wheels = Array.from({ length: 6 }, (_, n) => {
    const name = `shared${n}`;
    const bytes = wheel({ [`${name}/__init__.py`]: `n = ${n}\n` }, { name });
    // Slow enough that all four want it while the first still receives it.
    const drip = { bytes: Math.ceil(bytes.length / 8), pauseMs: 60 };
    const url = server.serve(`/${name}-1.0-py3-none-any.whl`, bytes, { drip });
    return lockedWheel(name, url, bytes);
  });
  const files = await pylockFiles(wheels);
  const projects = [0, 1, 2, 3].map((n) =>
    // Two with the same files, two with others.
    place.project(`app${n}`, { ...files, "app.py": `print(${Math.max(1, n)})\n` }),
  );
  const digests = (await Promise.all(projects.map((project) => place.build(project)))).map(digestIn);
  expect(
    server.log
      .filter(({ method }) => method === "GET")
      .map(({ path }) => path)
      .sort(),
  ).toEqual(wheels.map(({ name }) => `/${name}-1.0-py3-none-any.whl`));
  expect(new Set(digests).size).toBe(3);
  expect(digests[0]).toBe(digests[1]);
  expect(illnessesOf(place.store)).toEqual([]);
  using alone = await workplace();
  for (const [n, digest] of digests.entries()) {
    const project = alone.project(`app${n}`, { ...files, "app.py": `print(${Math.max(1, n)})\n` });
    expect(digestIn(await alone.build(project))).toBe(digest);
  }
});

test("two unlocked builds at once download each file of the index once", async () => {
  const alpha = tinyWheel({ name: "alpha", version: "1.0", requires: ["beta"] });
  const beta = tinyWheel({ name: "beta", version: "1.0" });
  await using index = await startPythonIndex([alpha, beta]);
  using place = await workplace();
  const files = await requirementsFiles("alpha\n");
  const projects = ["one", "two"].map((name) => place.project(name, files));
  const args = ["--default-index", index.url];
  const digests = (await Promise.all(projects.map((project) => place.build(project, args)))).map(digestIn);
  expect(digests[0]).toBe(digests[1]);
  const whole = index.log.filter(
    ({ method, path, range }) => method === "GET" && path.endsWith(".whl") && range === undefined,
  );
  expect(whole.map(({ path }) => path).sort()).toEqual(
    [alpha, beta].map(({ filename }) => `/files/${filename}`),
  );
});
