/**
 * The address of a forge's pages: scheme, host and port, and on a server of one's own perhaps a path
 * below which it lives (`https://host.example/gitlab`). Without a trailing slash.
 */

/** `address` in its one form. */
export function siteOf(address: string): string {
  const { origin, pathname } = new URL(address);
  return origin + pathname.replace(/\/+$/, "");
}

/** What a path at `origin` is below `site`; null: it is elsewhere. */
export function belowSite(site: string, origin: string, path: string): string | null {
  const start = `${siteOf(site)}/`;
  const whole = `${origin}/${path}`;
  return whole.startsWith(start) ? whole.slice(start.length) : null;
}
