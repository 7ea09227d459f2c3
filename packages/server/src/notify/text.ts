/** A notice as people read it: in Slack, in a mail. */
import type { Notice } from "@gastown/protocol";

const LONGEST_SUBJECT = 200;

/** Slack's own three characters; everything else is text. */
const slackText = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

export function slackBody({ town, text, detail, severity }: Notice): { text: string } {
  const first = `*${slackText(town.name)}* (${severity}): ${slackText(text)}`;
  return { text: detail === "" ? first : `${first}\n${slackText(detail)}` };
}

export function mailSubject({ town, text }: Notice): string {
  return `[gastown ${town.name}] ${text}`.replaceAll(/\s+/g, " ").slice(0, LONGEST_SUBJECT);
}

export function mailText({ text, detail, severity, event, at, town, subject }: Notice): string {
  const facts = `${event}, ${severity}, ${at}\n${town.name} (${town.id}), ${subject.type} ${subject.id}`;
  return [text, detail, `-- \n${facts}`].filter((part) => part !== "").join("\n\n");
}
