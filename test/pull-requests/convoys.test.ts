import { tellUnderAll } from "./matrix.ts";
import { landedChain } from "./scenarios/landed-chain.ts";
import { mergedChain } from "./scenarios/merged-chain.ts";

tellUnderAll(mergedChain, ["gitlab", "github", "github"]);
tellUnderAll(landedChain, ["github", "github", "gitlab"]);
