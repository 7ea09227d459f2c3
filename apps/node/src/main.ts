/**
 * The `gastown` executable. Each way to start it loads only what it needs: the scripted agent and
 * the runner are started often and must be there at once.
 */
const [command, ...rest] = process.argv.slice(2);

if (command === "scripted-agent") {
  const [{ runScriptedAgent }, { parse }] = await Promise.all([import("@gastown/runner"), import("yaml")]);
  await runScriptedAgent({ parse: (text) => parse(text) as unknown });
} else if (command === "starter") {
  const { runStarter } = await import("@gastown/runner");
  await runStarter();
} else if (command === "shim") {
  const { runShim } = await import("@gastown/runner");
  await runShim(rest);
} else if (command === "runner") {
  const { runnerMain } = await import("./runner/runner-main.ts");
  await runnerMain();
} else {
  const { cliMain } = await import("./cli/cli-main.ts");
  await cliMain(command === undefined ? [] : [command, ...rest]);
}
