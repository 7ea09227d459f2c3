/** How a repeat after a lost answer finds what it wrote before (spec/town.md §4): a hidden comment. */

const hidden = (marker: string): string => `<!-- gastown:${marker.replaceAll("--", "-")} -->`;

export const hasMarker = (body: string, marker: string): boolean => body.includes(hidden(marker));

export const withMarker = (body: string, marker: string): string => `${body}\n\n${hidden(marker)}`;

/** The marker of one part of what is written in several requests. */
export const partOf = (marker: string, part: number): string => `${marker}/${part}`;
