/** How the scripted model plays each role. It knows only what the request shows it, as a model does. */
import type { ModelRequest, Reply } from "./model-server.ts";

/** The order that a bead's text or a person's message contains: `Write <file> saying: <words>`. */
const ORDER = /Write (\S+\.md) saying: ([^\n"\\]+)/;
const RIG = /rig_[0-9A-Z]{26}/i;

export const orderText = (file: string, words: string): string => `Write ${file} saying: ${words}`;

/** The role is told by the tools on offer, since only one role has each of these. */
export type PlayedRole = "mayor" | "polecat" | "refinery";
export function roleOf({ tools }: ModelRequest): PlayedRole {
  const has = (name: string): boolean => tools.some((tool) => tool.endsWith(name));
  return has("gt_sling") ? "mayor" : has("gt_approve") ? "refinery" : "polecat";
}

/** What the tools answered since a person or the town last said something, the oldest first. */
export function toolResults({ messages }: ModelRequest): string[] {
  const from = messages.findLastIndex((message) => message.role === "user");
  return messages.slice(from + 1).flatMap(({ role, content }) => (role === "tool" ? [content] : []));
}

/** One step of a role: the next reply, given what the tools have answered so far. */
export function play(request: ModelRequest): Reply {
  const results = toolResults(request);
  const step = STEPS[roleOf(request)][results.length];
  return step?.(results, request) ?? { say: "That is all." };
}

type Step = (results: readonly string[], request: ModelRequest) => Reply;

const prime: Step = () => ({ call: "gt_prime", with: {} });
const shell = (command: string, description: string): Reply => ({
  call: "bash",
  with: { command, description },
});

function orderIn(text: string | undefined): { file: string; words: string } {
  const [, file, words] = ORDER.exec(text ?? "") ?? [];
  if (file === undefined || words === undefined) throw new Error(`There is no order in: ${text}`);
  return { file, words };
}

const STEPS: Readonly<Record<PlayedRole, readonly Step[]>> = {
  polecat: [
    prime,
    ([order]) => {
      const { file, words } = orderIn(order);
      return { call: "write", with: { filePath: file, content: `${words}\n` } };
    },
    () => shell("env | sort", "Show the environment"),
    ([order]) => {
      const { file } = orderIn(order);
      return shell(`git add ${file} && git commit --quiet --message "Add ${file}"`, "Commit the new file");
    },
    ([order]) => ({ call: "gt_done", with: { summary: `Wrote ${orderIn(order).file}.` } }),
  ],
  refinery: [
    prime,
    () => shell("git diff origin/main...HEAD", "See the whole change"),
    ([order, diff]) => {
      const { file, words } = orderIn(order);
      return diff?.includes(`+${words}`)
        ? { call: "gt_approve", with: { summary: `${file} says what was asked.` } }
        : { call: "gt_request_changes", with: { feedback: `${file} does not say "${words}".` } };
    },
  ],
  mayor: [
    () => ({ call: "gt_list_rigs", with: {} }),
    ([rigs], { messages }) => {
      const asked = messages.findLast((message) => message.role === "user")?.content;
      const { file, words } = orderIn(asked);
      const rig_id = RIG.exec(rigs ?? "")?.[0];
      return { call: "gt_sling", with: { rig_id, title: `Write ${file}`, body: orderText(file, words) } };
    },
    () => ({ say: "I made one bead for it." }),
  ],
};
