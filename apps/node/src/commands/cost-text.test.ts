import { describe, expect, it } from "vitest";
import { budgetText, money } from "./cost-text.ts";

describe("costs in words", () => {
  it("say where a sum is only a lower bound", () => {
    expect(money({ usd: 1.5, usdKnown: true })).toBe("$1.50");
    expect(money({ usd: 1.5, usdKnown: false })).toBe("≥ $1.50");
  });

  it("name a budget, how full it is, and whether it is hard", () => {
    const used = { tokens: 8_100, usd: 0.5 };
    const reserved = { tokens: 0, usd: 0 };
    expect(
      budgetText({
        scope: "town_day",
        id: "2026-11-25",
        limit: { tokens: 10_000, usd: 2 },
        used,
        reserved,
        share: 0.8199,
      }),
    ).toBe("day 2026-11-25: 81 % (8,100 of 10,000 tokens, $0.50 of $2.00)");
    const rig = {
      scope: "rig" as const,
      id: "rig_00000000000000000000000001",
      limit: { usd: 1, hard: true },
      used,
      reserved,
      share: 0.5,
    };
    expect(budgetText(rig)).toBe("rig rig_00000001: 50 % ($0.50 of $1.00, hard)");
  });
});
