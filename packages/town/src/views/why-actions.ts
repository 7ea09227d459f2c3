/** What a person can do about a wait: commands that exist, for the thing that decides. */
import { shortId, type WaitingOn, type WhyAction } from "@gastown/protocol";
import type { BeadRow } from "../beads/bead-row.ts";
import type { Ctx } from "../kernel/context.ts";

type Actions = (bead: BeadRow, id: string, waitingOn: WaitingOn) => WhyAction[];

/** What decides is done there; here is where to look. */
const onForge: Actions = (_bead, id) => [
  { command: `gastown bead show ${id}`, does: "see its pull request" },
];

const ACTIONS: Partial<Record<WaitingOn["code"], Actions>> = {
  held: (bead, id) => [
    ...(bead.type === "issue" && bead.status === "open"
      ? [{ command: `gastown bead start ${id}`, does: "let it start" }]
      : [
          { command: `gastown merge release ${id}`, does: "let it land" },
          { command: "gastown lanes", does: "see whether landing there is paused" },
        ]),
    { command: `gastown bead close ${id}`, does: "drop it" },
  ],
  staged: (bead, id) => [
    {
      command: `gastown convoy start ${bead.convoy_id === null ? id : shortId(bead.convoy_id)}`,
      does: "start the convoy",
    },
  ],
  blocked_by_failed: (_bead, _id, waiting) =>
    (waiting.objects ?? []).flatMap((failed) => [
      { command: `gastown bead retry ${shortId(failed.id)}`, does: `try ${failed.title} again` },
      {
        command: `gastown bead close ${shortId(failed.id)} --reason waived`,
        does: `go on without ${failed.title}`,
      },
    ]),
  paused: () => [{ command: "gastown resume", does: "let the town go on" }],
  budget: (_bead, _id, waiting) => [
    { command: "gastown usage", does: "see what was spent" },
    { command: `gastown config set ${waiting.limit ?? "budgets"}=…`, does: "raise the budget" },
  ],
  breaker: () => [
    { command: "gastown session list --all", does: "see why sessions fail" },
    { command: "gastown escalations", does: "start work again when the cause is gone" },
  ],
  cooldown: (_bead, id) => [{ command: `gastown bead start ${id}`, does: "try it now" }],
  no_slot: (_bead, _id, waiting) =>
    waiting.limit === undefined
      ? []
      : [{ command: `gastown config set ${waiting.limit}=…`, does: "let more agents work" }],
  runner_unavailable: () => [{ command: "gastown doctor", does: "see what is wrong with the repository" }],
  model_quota: () => [
    { command: "gastown config set default_model=…", does: "let it use another model at once" },
  ],
  question: () => [{ command: "gastown escalations", does: "answer the question" }],
  checks: onForge,
  threads: onForge,
  approval: onForge,
  unknown: onForge,
  manual: onForge,
};

export function actionsFor(ctx: Ctx, bead: BeadRow, waitingOn: WaitingOn | undefined): WhyAction[] {
  const id = shortId(bead.id);
  if (bead.status === "failed" && bead.type === "issue") {
    return [
      { command: `gastown bead retry ${id}`, does: "try it again with new attempts" },
      { command: `gastown bead close ${id} --reason waived`, does: "go on without it" },
    ];
  }
  if (!waitingOn) return sessionActions(ctx, bead);
  return ACTIONS[waitingOn.code]?.(bead, id, waitingOn) ?? [];
}

function sessionActions(ctx: Ctx, bead: BeadRow): WhyAction[] {
  const live = ctx.sql.get<{ id: string }>(
    "select id from sessions where bead_id = ? and state <> 'ended'",
    bead.id,
  );
  if (!live) return [];
  return [
    { command: `gastown session logs ${shortId(live.id)} -f`, does: "watch it work" },
    { command: `gastown session stop ${shortId(live.id)}`, does: "stop it; its work is saved" },
  ];
}
