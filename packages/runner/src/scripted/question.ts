/** What the scripted agent says to a question: it has no judgement, so the words of a thread decide. */

const THREAD = /^## Thread (\d+) .*$/gm;

/** A thread that says `fyi` does not block; every other one does. */
export function answerQuestion(text: string): string {
  const headings = [...text.matchAll(THREAD)];
  if (headings.length === 0) return "I am a scripted agent, I was given no tools, and I know no answer.";
  const threads = headings.map((heading, index) => {
    const body = text.slice(heading.index, headings[index + 1]?.index);
    return { thread: Number(heading[1]), blocking: !/\bfyi\b/i.test(body) };
  });
  return JSON.stringify({ threads });
}
