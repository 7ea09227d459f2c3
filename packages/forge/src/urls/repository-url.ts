/** Where on a forge a git url points: the host to ask, and the repository's path there. */

export interface RepositoryLocation {
  /** Scheme, host and port of the forge's pages. */
  readonly origin: string;
  /** `owner/name`, or on GitLab the path with all groups. */
  readonly project: string;
}

const SCP_LIKE = /^(?:[A-Za-z0-9._-]+@)?([A-Za-z0-9][A-Za-z0-9.-]*):(?!\/\/)\/*(.+)$/;
const SEGMENT = /^[A-Za-z0-9_.-]+$/;

function projectOf(path: string): string | null {
  const segments = path
    .replace(/\.git\/?$/, "")
    .split("/")
    .filter((segment) => segment !== "");
  const sound = segments.every((segment) => SEGMENT.test(segment) && segment !== "." && segment !== "..");
  return segments.length >= 2 && sound ? segments.join("/") : null;
}

/**
 * The location of `https`, `http`, `ssh` and `git` urls and `user@host:path`; null for everything
 * that names no forge, such as a local path. What the url holds of credentials is dropped.
 */
export function parseRepositoryUrl(text: string): RepositoryLocation | null {
  if (text.length > 2000 || /[\s\\]/.test(text)) return null;
  if (/^(https?|ssh|git(\+ssh)?):\/\/[^/]/i.test(text) && URL.canParse(text)) {
    const url = new URL(text);
    const project = projectOf(url.pathname);
    if (project === null || url.hostname === "") return null;
    const web = url.protocol === "http:" || url.protocol === "https:";
    return { origin: web ? url.origin : `https://${url.hostname.toLowerCase()}`, project };
  }
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return null;
  const [, host, path] = SCP_LIKE.exec(text) ?? [];
  const project = path === undefined ? null : projectOf(path);
  return host === undefined || project === null ? null : { origin: `https://${host.toLowerCase()}`, project };
}

/** Whether two paths are one repository: both forges compare names without regard to case. */
export const sameProject = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();
