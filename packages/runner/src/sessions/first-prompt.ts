/** Said instead of the first prompt when a conversation goes on in a new process. */
export const continued =
  "You were interrupted by a restart. Your directory is as you left it. Go on with your work from there; gt_prime says again what it is.";

/** The first prompt; a resumed session without its conversation is told that it is not the first. */
export function firstPrompt(prompt: string, resumed: boolean): string {
  if (!resumed) return prompt;
  return `${prompt}\n\nYou had begun this before a restart: your directory holds what you had done. Look at it first.`;
}
