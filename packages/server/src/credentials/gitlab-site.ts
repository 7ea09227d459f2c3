import type { TownActor } from "../towns/actor.ts";

/** Address of the town's own GitLab, which is no secret; undefined: it has none. */
export function gitlabSite(town: TownActor): string | undefined {
  return town.read((open) => open.secrets(null)).find(({ key }) => key === "gitlab_url")?.masked;
}
