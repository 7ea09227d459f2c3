/** User names, passwords and queries of urls may be secrets: none of them is stored or shown. */

const MAX_SHOWN = 300;

/** `text` as it may be shown: without user information, query and fragment, and not endless. */
export function redactUrl(text: string): string {
  return text
    .replaceAll(/([a-z][a-z0-9+.-]*:\/*)?[^@/\s]*@(?=[^\s])/gi, "$1")
    .replace(/[?#].*$/s, "")
    .slice(0, MAX_SHOWN);
}
