/** Which strings are repositories (spec/runner.md §5). Whatever git could take for anything else is refused. */
import { pathToFileURL } from "node:url";

/** A checked url in the form in which git is given it. */
export interface RemoteUrl {
  readonly url: string;
  readonly local: boolean;
}

export interface RefusedUrl {
  readonly refused: string;
}

const SCHEMES = new Set(["https:", "http:", "ssh:", "git:"]);
const SCP_LIKE = /^(?:([A-Za-z0-9._-]+)@)?([A-Za-z0-9][A-Za-z0-9._-]*):(?!\/\/)(?!:)(?!-)(.+)$/;

function parseScheme(text: string, allowLocal: boolean): RemoteUrl | RefusedUrl {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null) return { refused: "is not a url that git can use" };
  if (url.protocol === "file:") {
    return allowLocal && url.host === ""
      ? { url: text, local: true }
      : { refused: "is a local path, which this town does not allow" };
  }
  // Where git and this parser would see different hosts.
  if (/^[^/]*:\/\/\/|\\/.test(text)) return { refused: "has no usable host" };
  if (!SCHEMES.has(url.protocol)) return { refused: `uses ${url.protocol}// which is not supported` };
  if (url.password !== "") return { refused: "contains a password; store it as a credential instead" };
  if (
    url.hostname === "" ||
    url.hostname.startsWith("-") ||
    decodeURIComponent(url.username).startsWith("-")
  ) {
    return { refused: "has no usable host" };
  }
  return { url: text, local: false };
}

/**
 * Parses a git url: `https`, `http`, `ssh`, `git`, `user@host:path`, and where `allowLocal` holds an
 * absolute path or `file://`. Remote helpers (`ext::…`), options and embedded passwords are refused.
 */
export function parseRemoteUrl(text: string, allowLocal: boolean): RemoteUrl | RefusedUrl {
  // oxlint-disable-next-line no-control-regex -- a newline in a url could reach a config or a log
  if (/[\x00-\x20\x7f]/.test(text) && !text.startsWith("/"))
    return { refused: "contains blanks or control characters" };
  // oxlint-disable-next-line no-control-regex -- the same for paths, where blanks are common
  if (text === "" || /[\x00-\x1f\x7f]/.test(text))
    return { refused: "is empty or contains control characters" };
  if (text.startsWith("-")) return { refused: "looks like an option" };
  if (text.startsWith("/")) {
    return allowLocal
      ? { url: pathToFileURL(text).href, local: true }
      : { refused: "is a local path, which this town does not allow" };
  }
  if (/^[A-Za-z0-9+.-]*::/.test(text)) return { refused: "names a remote helper" };
  if (/^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(text)) return parseScheme(text, allowLocal);
  if (SCP_LIKE.test(text)) return { url: text, local: false };
  return { refused: "is neither a url nor user@host:path" };
}

/** Hides user names and passwords of urls, as git repeats them in its errors. */
export function redactUrls(text: string): string {
  return text.replaceAll(/([a-z][a-z0-9+.-]*:\/\/)[^@/\s]+@/gi, "$1");
}
