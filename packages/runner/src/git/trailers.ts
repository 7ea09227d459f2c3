/** Commit messages and the trailer by which a squash or rebase proves what it landed (spec/review.md §3). */

export const HEAD_TRAILER = "Gastown-Head";

const TRAILER_LINE = /^[A-Za-z0-9-]+:\s*\S/;
const FORGED = new RegExp(`^\\s*${HEAD_TRAILER}\\s*:`, "i");

/** A message in which nothing reads as the head trailer: only the runner writes that. */
export function withoutHeadTrailer(message: string): string {
  return message
    .split("\n")
    .map((line) => (FORGED.test(line) ? `> ${line.trimStart()}` : line))
    .join("\n");
}

/** The message with one more trailer, in its last paragraph if that consists of trailers. */
export function withTrailer(message: string, key: string, value: string): string {
  const text = message.trimEnd();
  const paragraphs = text.split(/\n\s*\n/);
  const last = paragraphs.length > 1 ? (paragraphs.at(-1) ?? "") : "";
  const joins = last !== "" && last.split("\n").every((line) => TRAILER_LINE.test(line));
  return `${text}${joins ? "\n" : "\n\n"}${key}: ${value}\n`;
}

/** `git log` format for a commit's head trailers, separated by commas: what `landed` and settle read. */
export const HEAD_TRAILER_FORMAT = `%(trailers:key=${HEAD_TRAILER},valueonly,unfold,separator=%x2C)`;

/** The commit message of a merge request: subject, body, and nothing that could pass for our trailer. */
export function mergeMessage(message: { readonly subject: string; readonly body: string }): string {
  const subject = message.subject.replaceAll(/\s+/g, " ").trim();
  const body = message.body.trim();
  return withoutHeadTrailer(body === "" ? `${subject}\n` : `${subject}\n\n${body}\n`);
}
