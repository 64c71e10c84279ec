import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { expect, test } from "vitest";
import { temporaryFolder } from "../../../tests/support/temporary-folder.ts";
import { dockerEndpoint, socketPathOf } from "./docker-endpoint.ts";

const usual = "unix:///var/run/docker.sock";

test("the daemon is where DOCKER_HOST says, else where the context says, else at the usual socket", () => {
  using folder = temporaryFolder();
  const write = (path: string, document: unknown) => {
    mkdirSync(dirname(folder.at(path)), { recursive: true });
    writeFileSync(folder.at(path), JSON.stringify(document));
  };
  const context = (name: string, host: string) => {
    const id = createHash("sha256").update(name).digest("hex");
    write(`.docker/contexts/meta/${id}/meta.json`, { Name: name, Endpoints: { docker: { Host: host } } });
  };
  const env = { HOME: folder.path };
  expect(dockerEndpoint({})).toBe(usual);
  expect(dockerEndpoint(env)).toBe(usual);
  write(".docker/config.json", { currentContext: "rootless" });
  expect(dockerEndpoint(env)).toBe(usual);
  context("rootless", "unix:///run/user/1000/docker.sock");
  context("far", "ssh://build.example");
  expect(dockerEndpoint(env)).toBe("unix:///run/user/1000/docker.sock");
  expect(dockerEndpoint({ ...env, DOCKER_CONTEXT: "far" })).toBe("ssh://build.example");
  expect(dockerEndpoint({ ...env, DOCKER_CONTEXT: "default" })).toBe(usual);
  expect(dockerEndpoint({ DOCKER_CONFIG: folder.at(".docker") })).toBe("unix:///run/user/1000/docker.sock");
  expect(dockerEndpoint({ ...env, DOCKER_HOST: "tcp://127.0.0.1:2375" })).toBe("tcp://127.0.0.1:2375");
  writeFileSync(folder.at(".docker/config.json"), "{");
  expect(dockerEndpoint(env)).toBe(usual);
});

test("only an absolute unix:// endpoint has a socket's path", () => {
  expect(socketPathOf("unix:///run/docker.sock")).toBe("/run/docker.sock");
  for (const other of ["unix://docker.sock", "tcp://127.0.0.1:2375", "ssh://a@b", ""]) {
    expect(socketPathOf(other)).toBeUndefined();
  }
});
