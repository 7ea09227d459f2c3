import { describe, expect, it } from "vitest";
import { z } from "zod";
import { launchSpec, specKey } from "./launch-spec.ts";
import type { LaunchInput } from "./launch-spec.ts";
import type { ResolvedRuntime } from "./resolve-runtime.ts";
import { RUNTIMES } from "./runtimes.ts";

function resolved(id: string, env: Record<string, string> = {}): ResolvedRuntime {
  const runtime = RUNTIMES[id];
  if (runtime === undefined) throw new Error(`no runtime ${id}`);
  return { runtime, command: `/bin/${id}`, args: runtime.args, env };
}

function input(id: string, more: Partial<LaunchInput> = {}): LaunchInput {
  return {
    resolved: resolved(id),
    role: "polecat",
    system: "You are a polecat.",
    modes: [],
    model: null,
    smallModel: null,
    permission: "allow_in_worktree",
    townEnv: {},
    hostEnv: { PATH: "/bin", HOME: "/home/x" },
    townId: "town_1",
    apiUrl: "http://127.0.0.1:1",
    shims: null,
    cwd: "/work/agents",
    ...more,
  };
}

const hostSecrets = {
  PATH: "/bin",
  HOME: "/home/x",
  AWS_SECRET_ACCESS_KEY: "aws",
  GH_TOKEN: "gh",
  GITLAB_TOKEN: "gl",
  GASTOWN_BOOT_SECRET: "boot",
  GIT_ASKPASS: "/evil",
  LD_PRELOAD: "/evil.so",
  NODE_OPTIONS: "--require evil",
  SSH_AUTH_SOCK: "/agent",
};

describe("the environment of an agent", () => {
  it.each(Object.keys(RUNTIMES))("of %s takes nothing of the host's but its allow-list", (id) => {
    const { env } = launchSpec(input(id, { hostEnv: hostSecrets }));
    const flags = Object.keys(RUNTIMES[id]?.flags ?? {});
    const config = RUNTIMES[id]?.configVariable ?? "PATH";
    const known = new Set(["PATH", "HOME", "GASTOWN_TOWN_ID", "GASTOWN_API_URL", config, ...flags]);
    expect(Object.keys(env).filter((name) => !known.has(name))).toEqual([]);
  });

  it("has a proxy that leaves out the runner, where the agent's tools are", () => {
    const noProxy = (more: Partial<LaunchInput>) => {
      const { env } = launchSpec(input("kilo", more));
      return [env["NO_PROXY"], env["no_proxy"]];
    };
    const proxy = { HTTPS_PROXY: "http://proxy:3128" };
    expect(noProxy({})).toEqual([undefined, undefined]);
    expect(noProxy({ hostEnv: proxy })).toEqual(["127.0.0.1", undefined]);
    expect(noProxy({ townEnv: { all_proxy: "socks5://p" } })).toEqual(["127.0.0.1", undefined]);
    const lower = { ...proxy, no_proxy: "intranet" };
    expect(noProxy({ hostEnv: lower })).toEqual([undefined, "intranet,127.0.0.1"]);
  });

  it("has the runtime's own logins", () => {
    const hostEnv = { KILO_API_KEY: "k", ANTHROPIC_API_KEY: "a", CLAUDE_TOKEN: "c" };
    expect(launchSpec(input("kilo", { hostEnv })).env).toMatchObject({
      KILO_API_KEY: "k",
      ANTHROPIC_API_KEY: "a",
    });
    expect(launchSpec(input("kilo", { hostEnv })).env).not.toHaveProperty("CLAUDE_TOKEN");
    expect(launchSpec(input("claude", { hostEnv })).env).toMatchObject({ CLAUDE_TOKEN: "c" });
    expect(launchSpec(input("scripted", { hostEnv })).env).not.toHaveProperty("ANTHROPIC_API_KEY");
  });

  it("takes the town's settings, which cannot touch reserved names", () => {
    const townEnv = {
      ANTHROPIC_API_KEY: "town",
      NODE_ENV: "test",
      PATH: "/evil",
      GIT_DIR: "/evil",
      GASTOWN_TOWN_ID: "evil",
      LD_PRELOAD: "x",
    };
    const { env } = launchSpec(
      input("kilo", { townEnv, hostEnv: { PATH: "/bin", ANTHROPIC_API_KEY: "host" } }),
    );
    expect(env).toMatchObject({
      ANTHROPIC_API_KEY: "town",
      NODE_ENV: "test",
      PATH: "/bin",
      GASTOWN_TOWN_ID: "town_1",
    });
    expect(env).not.toHaveProperty("GIT_DIR");
    expect(env).not.toHaveProperty("LD_PRELOAD");
  });
});

describe("the shims of an agent", () => {
  const shims = {
    dir: "/run/shims",
    gitConfig: [
      ["credential.helper", ""],
      ["credential.helper", "!x"],
    ] as const,
  };

  it("come first in its PATH, with git's one credential helper", () => {
    expect(launchSpec(input("kilo", { shims })).env).toMatchObject({
      PATH: "/run/shims:/bin",
      GIT_CONFIG_COUNT: "2",
      GIT_CONFIG_KEY_0: "credential.helper",
      GIT_CONFIG_VALUE_0: "",
      GIT_CONFIG_KEY_1: "credential.helper",
      GIT_CONFIG_VALUE_1: "!x",
    });
  });

  it("are not to be moved by settings, which carry no forge's token either", () => {
    const townEnv = {
      PATH: "/evil",
      GIT_CONFIG_COUNT: "0",
      GH_TOKEN: "t",
      GITHUB_TOKEN: "t",
      GITLAB_TOKEN: "t",
    };
    expect(launchSpec(input("kilo", { shims, townEnv })).env).toEqual(
      launchSpec(input("kilo", { shims })).env,
    );
  });
});

describe("the configuration of an agent", () => {
  const config = (env: Readonly<Record<string, string>>, name: string): unknown =>
    JSON.parse(env[name] ?? "null");

  it("makes the role an agent mode with its own prompt and keeps what was there", () => {
    const base = JSON.stringify({ provider: { local: {} }, agent: { mine: { prompt: "p" } } });
    const { env } = launchSpec(
      input("kilo", { resolved: resolved("kilo", { KILO_CONFIG_CONTENT: base }), smallModel: "local/small" }),
    );
    expect(config(env, "KILO_CONFIG_CONTENT")).toMatchObject({
      provider: { local: {} },
      agent: { mine: { prompt: "p" }, polecat: { mode: "primary", prompt: "You are a polecat." } },
      permission: { "*": "allow", question: "deny" },
      small_model: "local/small",
      autoupdate: false,
      share: "disabled",
    });
  });

  it("allows nothing when the town denies", () => {
    const { env } = launchSpec(input("opencode", { permission: "deny" }));
    expect(config(env, "OPENCODE_CONFIG_CONTENT")).toMatchObject({
      permission: expect.not.objectContaining({ "*": "allow" }),
    });
  });

  it("asks before it changes anything where a person decides, and not for the town's own tools", () => {
    const { env } = launchSpec(input("kilo", { permission: "ask" }));
    const rules = z
      .object({ permission: z.record(z.string(), z.string()) })
      .parse(config(env, "KILO_CONFIG_CONTENT")).permission;
    expect(rules).toMatchObject({ "*": "ask", read: "allow", "gastown_*": "allow", question: "deny" });
    expect(rules).not.toHaveProperty("bash");
    // The last rule that fits counts.
    expect(Object.keys(rules)[0]).toBe("*");
  });

  it("is not written for runtimes without a variable for it", () => {
    expect(Object.keys(launchSpec(input("claude")).env).some((name) => name.includes("CONFIG"))).toBe(false);
  });
});

describe("the key of a process", () => {
  it("is equal for equal specs, in whatever order variables were set", () => {
    const a = launchSpec(input("scripted", { townEnv: { A: "1", B: "2" } }));
    const b = launchSpec(input("scripted", { townEnv: { B: "2", A: "1" } }));
    expect(specKey(a)).toBe(specKey(b));
  });

  it("differs with anything that the process would see", () => {
    const specs = [
      input("kilo"),
      input("opencode"),
      input("kilo", { role: "refinery" }),
      input("kilo", { system: "Other." }),
      input("kilo", { smallModel: "x/y" }),
      input("kilo", { permission: "deny" }),
      input("kilo", { townEnv: { A: "1" } }),
      input("kilo", { cwd: "/elsewhere" }),
      input("kilo", { hostEnv: { PATH: "/other" } }),
    ].map((one) => specKey(launchSpec(one)));
    expect(new Set(specs).size).toBe(specs.length);
  });

  it("is the same for roles that are each other's modes, whoever asks first", () => {
    const modes = (["refinery", "mayor", "polecat"] as const).map((role) => ({ role, system: `A ${role}.` }));
    const specs = modes.map((own) => launchSpec(input("kilo", { ...own, modes })));
    expect(new Set(specs.map(specKey)).size).toBe(1);
    expect(JSON.parse(specs[0]?.env["KILO_CONFIG_CONTENT"] ?? "")).toMatchObject({
      agent: { mayor: { prompt: "A mayor." }, refinery: { prompt: "A refinery." } },
    });
    const changed = input("kilo", { role: "mayor", system: "Other.", modes });
    expect(specKey(launchSpec(changed))).not.toBe(specKey(launchSpec(input("kilo", { ...modes[1], modes }))));
  });

  it("is the same for every role of a runtime that gets its role in the prompt", () => {
    const keys = (["mayor", "polecat", "refinery"] as const).map((role) =>
      specKey(launchSpec(input("scripted", { role, system: role }))),
    );
    expect(new Set(keys).size).toBe(1);
  });
});
