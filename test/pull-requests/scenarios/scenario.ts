import type { ReviewSettings } from "@gastown/protocol";
import type { Outcome } from "../outcome.ts";
import type { Stage } from "../stage.ts";

export interface Scenario {
  readonly name: string;
  readonly review: ReviewSettings;
  readonly twoRigs?: boolean;
  /** What happens and what the person does; returns what it must have come to. */
  tell(stage: Stage): Promise<Outcome>;
}
