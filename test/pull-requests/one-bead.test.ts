import { tellUnderAll } from "./matrix.ts";
import { commented } from "./scenarios/commented.ts";
import { everything } from "./scenarios/everything.ts";
import { reworked } from "./scenarios/reworked.ts";
import { unreviewed } from "./scenarios/unreviewed.ts";

tellUnderAll(unreviewed, ["gitlab", "github", "github"]);
tellUnderAll(reworked, ["github", "github", "gitlab"]);
tellUnderAll(commented, ["gitlab", "github", "github"]);
tellUnderAll(everything, ["github", "gitlab", "github"]);
