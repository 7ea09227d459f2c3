/** A GitLab of one's own that lives below a path of its host: `https://host.example/gitlab`. */
import { conformance } from "./suite.ts";

conformance("gitlab", undefined, "/gitlab");
