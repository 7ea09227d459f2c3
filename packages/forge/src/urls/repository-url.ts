/** Where on a forge a git url points: the site to ask, and the repository's path there. */
import { belowSite, siteOf } from "./site.ts";

export interface RepositoryLocation {
  /** Address of the forge's pages: scheme, host and port, and the path below which it lives. */
  readonly site: string;
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
 * that names no forge, such as a local path. What the url holds of credentials is dropped. `site`: a forge
 * that may live below a path of its host or at a port of its own, neither of which an ssh url tells.
 */
export function parseRepositoryUrl(text: string, site?: string): RepositoryLocation | null {
  if (text.length > 2000 || /[\s\\]/.test(text)) return null;
  if (/^(https?|ssh|git(\+ssh)?):\/\/[^/]/i.test(text) && URL.canParse(text)) {
    const url = new URL(text);
    const project = projectOf(url.pathname);
    if (project === null || url.hostname === "") return null;
    const web = url.protocol === "http:" || url.protocol === "https:";
    return web ? onWeb(url.origin, project, site) : bySsh(url.hostname, project, site);
  }
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return null;
  const [, host, path] = SCP_LIKE.exec(text) ?? [];
  const project = path === undefined ? null : projectOf(path);
  return host === undefined || project === null ? null : bySsh(host, project, site);
}

function onWeb(origin: string, path: string, site: string | undefined): RepositoryLocation | null {
  const project = site === undefined ? null : belowSite(site, origin, path);
  if (site === undefined || project === null) return { site: origin, project: path };
  return project.includes("/") ? { site: siteOf(site), project } : null;
}

function bySsh(hostname: string, project: string, site: string | undefined): RepositoryLocation {
  const host = hostname.toLowerCase();
  const known = site !== undefined && new URL(site).hostname === host;
  return { site: known ? siteOf(site) : `https://${host}`, project };
}

/** Whether two paths are one repository: both forges compare names without regard to case. */
export const sameProject = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();
