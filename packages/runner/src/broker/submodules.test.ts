/** Submodules of the rig's own host are cloned with the rig's credential, at the moment of use. */
import { join } from "node:path";
import { writeFileSync } from "node:fs";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import {
  begin,
  close,
  ended,
  filesWith,
  forge,
  noted,
  open,
  read,
  rig,
  world,
} from "../testing/credential-world.ts";
import { git } from "../testing/harness.ts";
import { PLANTED } from "../testing/token-forge.ts";

vi.setConfig({ testTimeout: 320_000, hookTimeout: 120_000 });

beforeEach(() => open());
afterEach(close);

/** The seed gets a submodule that the forge gives to nobody without a token. */
function addLibrary(): void {
  const at = (name: string): string => join(world.dir, name);
  const [remote, lib, seed] = [at("remote-lib.git"), at("lib-seed"), at("seed")];
  git(world.dir, "init", "--quiet", "--bare", "--initial-branch=main", remote);
  git(world.dir, "clone", "--quiet", remote, lib);
  writeFileSync(join(lib, "lib.txt"), "of the library\n");
  git(lib, "add", "-A");
  git(lib, "commit", "--quiet", "-m", "Begin");
  git(lib, "push", "--quiet", "origin", "HEAD:main");
  const local = ["-c", "protocol.file.allow=always"];
  git(seed, ...local, "submodule", "--quiet", "add", remote, "lib");
  git(seed, "config", "--file", ".gitmodules", "submodule.lib.url", "../remote-lib.git");
  git(seed, "commit", "--quiet", "-am", "Add a library");
  git(seed, "push", "--quiet", "origin", "main");
}

it("and the credential stays nowhere", async () => {
  addLibrary();
  const look = noted("cat lib/lib.txt; git submodule status", "seen");
  const start = await begin([look, { done: { summary: "looked", no_changes: true } }], {
    rig: { ...rig, submodules: true },
  });
  await ended(start);
  expect(read(start, "seen")).toMatch(/^of the library\n [0-9a-f]{40} lib .*\nexit 0$/);
  expect(forge.http.requests.some((request) => request.startsWith("GET /remote-lib.git/"))).toBe(true);
  expect(forge.taken.size).toBeGreaterThan(0);
  // The runner asked for its own git, and for this rig.
  const own = world.town.tokenRequests.filter(({ session_id }) => session_id === undefined);
  expect(new Set(own.map(({ rig_id }) => rig_id))).toEqual(new Set([rig.id]));
  expect(filesWith(world.root, PLANTED)).toEqual([]);
});
