/** Which forge a git url belongs to, by its host; `git` for every other. */
export function forgeOf(gitUrl: string): "github" | "gitlab" | "git" {
  const host = /^(?:[a-z+]+:\/\/)?(?:[^@/]+@)?([^:/]+)/i.exec(gitUrl)?.[1]?.toLowerCase() ?? "";
  if (host === "github.com" || host.endsWith(".github.com")) return "github";
  if (host === "gitlab.com" || host.startsWith("gitlab.")) return "gitlab";
  return "git";
}
