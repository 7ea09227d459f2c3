import { describe, expect, it } from "vitest";
import { convoyFile, rigsOf, tasksOf } from "./convoy-file.ts";

const read = (value: unknown) => tasksOf(convoyFile.parse(value));

describe("a convoy file", () => {
  it("has names turned into positions, also of tasks that come later", () => {
    const tasks = read({
      title: "T",
      tasks: [
        { title: "Last", after: ["one", "Second title"] },
        { name: "one", title: "First", body: "Do", priority: "high", labels: ["a"], model: "acme/nine" },
        { title: "Second title", after: "one" },
      ],
    });
    expect(tasks).toEqual([
      { title: "Last", dependsOn: [1, 2] },
      { title: "First", body: "Do", priority: "high", labels: ["a"], model: "acme/nine" },
      { title: "Second title", dependsOn: [1] },
    ]);
  });

  it("prefers a name to a title that reads the same", () => {
    const tasks = read({
      title: "T",
      tasks: [{ title: "x" }, { name: "x", title: "y" }, { title: "z", after: "x" }],
    });
    expect(tasks[2]).toMatchObject({ dependsOn: [1] });
  });

  it("may name another rig for a task", () => {
    const file = convoyFile.parse({
      title: "T",
      rig: "app",
      tasks: [{ title: "a", rig: "web" }, { title: "b" }, { title: "c", rig: "web" }],
    });
    expect(rigsOf(file)).toEqual(["web"]);
    const tasks = tasksOf(file, new Map([["web", "rig_1"]]));
    expect(tasks).toEqual([{ title: "a", rigId: "rig_1" }, { title: "b" }, { title: "c", rigId: "rig_1" }]);
  });

  it("refuses what it does not know", () => {
    expect(() => read({ title: "T", tasks: [{ title: "a", after: "b" }] })).toThrow(/no task has that name/);
    expect(convoyFile.safeParse({ title: "T", tasks: [{ title: "a", depends: "b" }] }).success).toBe(false);
    expect(convoyFile.safeParse({ title: "T", tasks: [] }).success).toBe(false);
  });
});
