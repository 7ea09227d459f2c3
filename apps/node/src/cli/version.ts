import packageJson from "../../package.json" with { type: "json" };

/** Of this program; told by the server, and compared by the host with its runners'. */
export const VERSION: string = packageJson.version;
/** Which commit it was built from; a build sets it. */
export const COMMIT = "unknown";
