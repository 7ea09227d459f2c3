/**
 * In MCP's own names: streamable HTTP, or HTTP+SSE of the protocol version 2024-11-05, to which clients turn
 * where the address of the former is answered 405.
 */
export type McpTransport = "streamable_http" | "sse";

/**
 * Agent runtimes as data (spec/design.md "Agents", spec/agents-facts.md §5, §6, §12). A runtime is
 * a row here, never a class: whatever differs between agents is a field that the one client reads.
 */
export interface Runtime {
  readonly id: string;
  readonly title: string;
  /** Null: only an override says what to run. */
  readonly command: string | null;
  readonly args: readonly string[];
  /** Names taken from the host's environment; a trailing `*` takes a prefix. */
  readonly env: readonly string[];
  /** Fixed variables that keep the agent quiet on the network and predictable. */
  readonly flags: Readonly<Record<string, string>>;
  /** Variable that takes configuration as JSON, where there is one. */
  readonly configVariable: string | null;
  /**
   * How the role's instructions reach the model: an agent mode defined in the configuration, the
   * text of the first prompt, or not at all (scripted).
   */
  readonly rolePrompt: "agent_mode" | "first_prompt" | "none";
  /**
   * How a model is named at launch (`{model}` in an argument, or a variable), where the runtime does not
   * let it be chosen in an open conversation: another model then is another process. Null: it does.
   */
  readonly modelBy: { readonly env?: string; readonly args?: readonly string[] } | null;
  /** Whether a conversation can be taken up again by another process. */
  readonly supportsLoad: boolean;
  /**
   * By which transport it reaches its tools soonest. Kilo and OpenCode open the stream of streamable HTTP and
   * list the tools at once, both under one lock, and whoever comes second sleeps for about 100 ms; by the
   * older transport one comes after the other (docs/benchmarks.md).
   */
  readonly mcpTransport: McpTransport;
  /** Whether prompt replies carry token counts, so that zero means a failed model. */
  readonly reportsUsage: boolean;
  /** What the conformance suite (`test/conformance`) found; null: nobody has run it against this one. */
  readonly conformance: Conformance | null;
  /** Arguments that print the version; null: it has none. */
  readonly versionArgs: readonly string[] | null;
  readonly install: string;
  readonly login: string;
}

/** What an agent may be able to do beyond what every one must (spec/runner.md §4). */
export const ABILITIES = {
  own_tools: "keep the tools of two sessions in one directory apart",
  second_prompt: "answer each prompt that comes while it is busy",
  model_change: "change the model of a live session",
  permission: "ask before it acts",
  model_retry: "try an overloaded model again by itself",
  memory: "go on with a conversation after its process was killed",
} as const satisfies Record<string, string>;
export type Ability = keyof typeof ABILITIES;

export interface Conformance {
  /** The version that was measured; null: it is part of gastown. */
  readonly version: string | null;
  /** The suite expects exactly this, and the runner relies on nothing in it. */
  readonly cannot: readonly Ability[];
}

/** Another place of a runtime's program (a folder of its own in tests, a wrapper of the host). */
export interface RuntimeOverride {
  readonly command: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const QUIET = [
  "MODELS_FETCH",
  "AUTOUPDATE",
  "LSP_DOWNLOAD",
  "SHARE",
  "DEFAULT_PLUGINS",
  "EXTERNAL_SKILLS",
  "CLAUDE_CODE",
];

function quietFlags(prefix: string): Record<string, string> {
  return Object.fromEntries(QUIET.map((name) => [`${prefix}_DISABLE_${name}`, "1"]));
}

const MODEL_KEYS = [
  "ANTHROPIC_API_KEY",
  "OPENAI_API_KEY",
  "OPENROUTER_API_KEY",
  "GEMINI_API_KEY",
  "GOOGLE_API_KEY",
  "GOOGLE_GENERATIVE_AI_API_KEY",
  "MISTRAL_API_KEY",
  "GROQ_API_KEY",
  "XAI_API_KEY",
  "DEEPSEEK_API_KEY",
];

export const RUNTIMES: Readonly<Record<string, Runtime>> = {
  kilo: {
    id: "kilo",
    title: "Kilo CLI",
    command: "kilo",
    args: ["acp"],
    env: ["KILO_*", ...MODEL_KEYS],
    flags: {
      ...quietFlags("KILO"),
      KILO_TELEMETRY_LEVEL: "off",
      KILO_DISABLE_SESSION_INGEST: "1",
      KILO_DISABLE_PRESENCE: "1",
      KILO_DISABLE_CODEBASE_INDEXING: "1",
    },
    configVariable: "KILO_CONFIG_CONTENT",
    rolePrompt: "agent_mode",
    modelBy: null,
    supportsLoad: true,
    mcpTransport: "sse",
    reportsUsage: true,
    conformance: { version: "7.7.7", cannot: ["own_tools"] },
    versionArgs: ["--version"],
    install: "npm install -g @kilocode/cli",
    login: "kilo auth login",
  },
  opencode: {
    id: "opencode",
    title: "OpenCode",
    command: "opencode",
    args: ["acp"],
    env: ["OPENCODE_*", ...MODEL_KEYS],
    flags: quietFlags("OPENCODE"),
    configVariable: "OPENCODE_CONFIG_CONTENT",
    rolePrompt: "agent_mode",
    modelBy: null,
    supportsLoad: true,
    mcpTransport: "sse",
    reportsUsage: true,
    conformance: { version: "1.18.33", cannot: ["own_tools", "second_prompt"] },
    versionArgs: ["--version"],
    install: "npm install -g opencode-ai",
    login: "opencode auth login",
  },
  claude: {
    id: "claude",
    title: "Claude Code",
    command: "claude-agent-acp",
    args: [],
    env: ["ANTHROPIC_*", "CLAUDE_*"],
    flags: {},
    configVariable: null,
    rolePrompt: "first_prompt",
    modelBy: { env: "ANTHROPIC_MODEL" },
    supportsLoad: true,
    mcpTransport: "streamable_http",
    reportsUsage: false,
    conformance: null,
    versionArgs: ["--version"],
    install: "npm install -g @agentclientprotocol/claude-agent-acp",
    login: "claude login, or set ANTHROPIC_API_KEY for the host",
  },
  codex: {
    id: "codex",
    title: "Codex",
    command: "codex-acp",
    args: [],
    env: ["OPENAI_*", "CODEX_*"],
    flags: {},
    configVariable: null,
    rolePrompt: "first_prompt",
    modelBy: null,
    supportsLoad: true,
    mcpTransport: "streamable_http",
    reportsUsage: false,
    conformance: null,
    versionArgs: ["--version"],
    install: "npm install -g @agentclientprotocol/codex-acp",
    login: "codex login, or set OPENAI_API_KEY for the host",
  },
  gemini: {
    id: "gemini",
    title: "Gemini CLI",
    command: "gemini",
    args: ["--acp"],
    env: ["GEMINI_*", "GOOGLE_*"],
    flags: {},
    configVariable: null,
    rolePrompt: "first_prompt",
    modelBy: { args: ["--model", "{model}"] },
    supportsLoad: true,
    mcpTransport: "streamable_http",
    reportsUsage: false,
    conformance: null,
    versionArgs: ["--version"],
    install: "npm install -g @google/gemini-cli",
    login: "start `gemini` once and log in, or set GEMINI_API_KEY for the host",
  },
  custom: {
    id: "custom",
    title: "Another ACP agent",
    command: null,
    args: [],
    env: MODEL_KEYS,
    flags: {},
    configVariable: null,
    rolePrompt: "first_prompt",
    modelBy: null,
    supportsLoad: true,
    mcpTransport: "streamable_http",
    reportsUsage: false,
    conformance: null,
    versionArgs: null,
    install: "name its command in the host's runtime overrides",
    login: "see that agent's own manual",
  },
  scripted: {
    id: "scripted",
    title: "Scripted agent",
    command: null,
    args: [],
    env: ["SCRIPTED_PLAYBOOK", "SCRIPTED_STORE"],
    flags: {},
    configVariable: null,
    rolePrompt: "none",
    modelBy: null,
    supportsLoad: true,
    mcpTransport: "streamable_http",
    reportsUsage: true,
    conformance: {
      version: null,
      cannot: ["second_prompt", "permission", "model_retry", "memory"],
    },
    versionArgs: null,
    install: "nothing to install: it is part of gastown",
    login: "needs no login",
  },
};
