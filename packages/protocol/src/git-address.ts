/** Where a git url points to, by its text alone. */

export interface GitAddress {
  /** In lower case, with its port where that is not the scheme's own. */
  readonly host: string;
  /** Without slashes around it and without `.git`, e.g. `owner/name`. */
  readonly path: string;
}

const SCHEMED =
  /^([a-z][a-z0-9+.-]*):\/\/(?:[^/?#\\]*@)?(\[[0-9a-f:.]+\]|[^:/?#@\\]+)(?::(\d+))?(?:\/([^?#]*))?/i;
const SCP_LIKE = /^(?:[^@/:]+@)?([a-z0-9][a-z0-9._-]*):(?!\/\/)(.+)$/i;
const OWN_PORT: Readonly<Record<string, string>> = { https: "443", http: "80" };

/** Null: a path on this machine, or nothing that git takes for a url. */
export function gitAddress(gitUrl: string): GitAddress | null {
  const schemed = SCHEMED.exec(gitUrl);
  if (schemed !== null) {
    const [, scheme = "", host = "", port, path = ""] = schemed;
    // The port of ssh says nothing of where the forge's pages and API are.
    const isWeb = Object.hasOwn(OWN_PORT, scheme.toLowerCase());
    const shown = port === undefined || !isWeb || OWN_PORT[scheme.toLowerCase()] === port ? "" : `:${port}`;
    return { host: `${host.toLowerCase()}${shown}`, path: trimmed(path) };
  }
  const [, host, path] = SCP_LIKE.exec(gitUrl) ?? [];
  return host === undefined || path === undefined ? null : { host: host.toLowerCase(), path: trimmed(path) };
}

const trimmed = (path: string): string => path.replace(/^\/+|\/+$/g, "").replace(/\.git$/, "");
