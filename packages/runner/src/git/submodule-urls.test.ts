import { describe, expect, it } from "vitest";
import { absoluteUrl, credentialUrl, parseModules } from "./submodules.ts";

describe("a submodule's url", () => {
  it.each([
    ["https://host/a/app.git", "../lib.git", "https://host/a/lib.git"],
    ["https://host/a/app.git/", "../../b/lib/", "https://host/b/lib"],
    ["https://host/a/app.git", "./lib.git", "https://host/a/app.git/lib.git"],
    ["git@host:a/app.git", "../lib.git", "git@host:a/lib.git"],
    ["git@host:app.git", "../lib.git", "git@host:lib.git"],
    ["https://host/a/app.git", "https://other/lib.git", "https://other/lib.git"],
  ])("beside %s, %s, is %s", (base, url, wanted) => {
    expect(absoluteUrl(base, url)).toBe(wanted);
  });

  it("of several is read with its name, whatever stands in it", () => {
    const text =
      "submodule.a.b.path\nx\0submodule.a.b.url\n../x\ny\0submodule.only.path\nz\0core.bare\ntrue\0";
    expect(parseModules(text)).toEqual([{ name: "a.b", url: "../x\ny" }]);
  });

  it("is asked a credential for only where it is the rig's own host", () => {
    const modules = [
      { name: "a", url: "https://other/a.git" },
      { name: "b", url: "https://host/b.git" },
    ];
    expect(credentialUrl("git@host:app.git", modules)).toBe("https://host/b.git");
    expect(credentialUrl("git@elsewhere:app.git", modules)).toBe("git@elsewhere:app.git");
    expect(credentialUrl("https://host/app.git", modules)).toBe("https://host/app.git");
  });
});
