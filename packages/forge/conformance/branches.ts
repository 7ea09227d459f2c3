import { expect, it } from "vitest";
import { lost, signal, valueOf, type World } from "./world.ts";

export function branches(world: () => Promise<World>): void {
  it("makes a branch once", async () => {
    const { forge, repository, simulator } = await world();
    const headSha = (await repository.head("main")) ?? "";
    const input = { branch: "convoy/one", headSha };
    simulator.faults.add({ method: "POST", fault: { kind: "lose_answer" } });
    expect(await forge.createBranch(input, signal)).toMatchObject(lost);
    expect(await repository.head("convoy/one")).toBe(headSha);
    expect(valueOf(await forge.createBranch(input, signal))).toEqual({ headSha });
    await repository.commit("convoy/one", { "x.txt": "x\n" });
    const refused = { kind: "http_error", status: 409, transient: false };
    expect(await forge.createBranch(input, signal)).toMatchObject(refused);
    expect(await forge.createBranch({ branch: "b", headSha: "f".repeat(40) }, signal)).toMatchObject({
      kind: "http_error",
      transient: false,
    });
  });

  it("deletes a branch only where it was left", async () => {
    const { forge, repository, simulator } = await world();
    const headSha = await repository.commit("done/one", { "x.txt": "x\n" });
    const moved = await repository.commit("done/one", { "y.txt": "y\n" });
    const input = { branch: "done/one", headSha };
    expect(valueOf(await forge.deleteBranch(input, signal))).toEqual({ deleted: false, stands_at: moved });
    expect(await repository.head("done/one")).toBe(moved);
    simulator.faults.add({ method: "DELETE", fault: { kind: "lose_answer" } });
    expect(await forge.deleteBranch({ ...input, headSha: moved }, signal)).toMatchObject(lost);
    expect(await repository.head("done/one")).toBeNull();
    expect(valueOf(await forge.deleteBranch({ ...input, headSha: moved }, signal))).toEqual({
      deleted: false,
      stands_at: null,
    });
    const again = await repository.commit("done/one", { "z.txt": "z\n" });
    expect(valueOf(await forge.deleteBranch({ ...input, headSha: again }, signal))).toEqual({
      deleted: true,
      stands_at: null,
    });
  });

  it("reads a file at a ref", async () => {
    const { forge, repository } = await world();
    const sha = await repository.commit("feature/x", {
      "docs/a & b.md": "# Us\n",
      "data.json": '{"a":1}\n',
    });
    const ask = (path: string, ref: string) => forge.readFile({ path, ref }, signal);
    expect(valueOf(await ask("README.md", "main"))).toBe("# Tool\n");
    expect(valueOf(await ask("docs/a & b.md", "feature/x"))).toBe("# Us\n");
    expect(valueOf(await ask("data.json", sha))).toBe('{"a":1}\n');
    expect(valueOf(await ask("data.json", "main"))).toBeNull();
    expect(valueOf(await ask("docs", "feature/x"))).toBeNull();
    expect(await ask("README.md", "no-such-branch")).toMatchObject({ kind: "http_error", transient: false });
  });

  it("proves containment, and takes no missing branch for a no", async () => {
    const { forge, repository } = await world();
    const main = (await repository.head("main")) ?? "";
    const work = await repository.commit("feature/x", { "x.txt": "x\n" });
    const ask = (branch: string, commit: string) => forge.contains({ branch, commit }, signal);
    expect(valueOf(await ask("main", main))).toBe(true);
    expect(valueOf(await ask("feature/x", main))).toBe(true);
    expect(valueOf(await ask("main", work))).toBe(false);
    expect(valueOf(await ask("main", "f".repeat(40)))).toBe(false);
    expect(await ask("gone", main)).toMatchObject({ kind: "http_error", status: 404, transient: false });
  });
}
