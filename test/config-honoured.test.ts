/**
 * Every setting is honoured or does not exist (spec/api.md §3.13): each field of the schema changes
 * what holds, at each level at which it can be set, and some code reads it.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { effectiveConfig, rigConfig, townConfig } from "@gastown/protocol";

const root = join(import.meta.dirname, "..");

/** Dotted names of the fields; a list, a map or a choice between forms counts as one. */
function fields(schema: unknown, path: readonly string[] = []): string[] {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable)
    return fields(schema.unwrap(), path);
  if (schema instanceof z.ZodObject)
    return Object.entries(schema.shape).flatMap(([key, inner]) => fields(inner, [...path, key]));
  return [path.join(".")];
}

/** A value of each field that is not its default. */
const SAMPLES: Readonly<Record<string, unknown>> = {
  runtime: "other",
  default_model: "m",
  small_model: "m",
  merge_strategy: "pr",
  convoy_merge_mode: "review-and-merge",
  staged_convoys_default: true,
  on_blocker_failure: "skip",
  "git.author_name": "A",
  "git.author_email": "a@b.example",
  "git.ai_coauthor": false,
  "git.submodules": true,
  "git.lfs": true,
  "git.push_flags": ["--push-option=ci.skip"],
  "escalations.assign_to": "triage",
  env: { A: "b" },
  setup: [{ command: "true" }],
  notify: [{ kind: "slack", id: "0123abcd", url: "****" }],
  "review.code_review": false,
  "review.mode": "comments",
  "review.gates": ["true"],
  "review.merge_method": "squash",
  "review.require_checks": true,
  "review.auto_merge": false,
  "review.auto_merge_delay_minutes": 7,
  "review.auto_resolve_conflicts": false,
  "review.auto_resolve_feedback": true,
  "review.classify_threads": true,
  "review.delete_branch": false,
  "review.parallel_reviews": 3,
  "runner.process_memory_mb": 512,
};

function sampleOf(field: string): unknown {
  if (Object.hasOwn(SAMPLES, field)) return SAMPLES[field];
  const [group] = field.split(".");
  if (group === "role_runtimes") return "other";
  if (group === "role_models" || group === "instructions") return "text";
  if (group === "permissions") return "deny";
  if (field.endsWith(".hard")) return true;
  // All others are numbers; 19 is within every bound and nobody's default.
  return 19;
}

/** `a.b` and 1 become `{a: {b: 1}}`. */
function nested(field: string, value: unknown): unknown {
  return field.split(".").reduceRight((inner, key) => ({ [key]: inner }), value);
}

const LEVELS = [
  { level: "town", schema: townConfig },
  { level: "rig", schema: rigConfig },
] as const;

/** Credentials are no part of what holds: they are sealed, and resolved when they are used. */
const settingsOf = (schema: unknown): string[] =>
  fields(schema).filter((field) => !field.startsWith("credentials."));

describe("each setting", () => {
  it.each(LEVELS.flatMap(({ level, schema }) => settingsOf(schema).map((field) => ({ level, field }))))(
    "$field of the $level changes what holds",
    ({ level, field }) => {
      const value = nested(field, sampleOf(field));
      const plain = effectiveConfig({}, {}, "scripted");
      const changed =
        level === "town"
          ? effectiveConfig(townConfig.parse(value), {}, "scripted")
          : effectiveConfig({}, rigConfig.parse(value), "scripted");
      expect(changed).not.toEqual(plain);
    },
  );

  it.each([...new Set(LEVELS.flatMap(({ schema }) => fields(schema)))].map((field) => ({ field })))(
    "$field is read by some code",
    ({ field }) => {
      expect(readers(field, sources())).not.toEqual([]);
    },
  );

  it("would be missed", () => {
    expect(readers("review.moonlight", sources())).toEqual([]);
  });
});

interface Source {
  name: string;
  text: string;
}

let known: Source[] | undefined;

/** The product's code without the schema itself and without what only shows or masks settings. */
function sources(): Source[] {
  known ??= ["packages", "apps"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((file) => /\/src\/.*\.ts$/.test(file) && !/\.test\.ts$|testing\/|node_modules/.test(file))
      .filter((file) => !/protocol\/src\/(config|review-config)\.ts$|server\/src\/config\//.test(file))
      .map((file) => ({ name: file, text: readFileSync(join(root, folder, file), "utf8") })),
  );
  return known;
}

/** Names under which a setting is read after it was worked out. */
const READ_AS: Readonly<Record<string, string>> = {
  runtime: "role_runtimes",
  default_model: "models",
  small_model: "small",
  "git.author_email": "author_email",
};

/** Sources that read a field by its last name: as a property, from a pattern, or as a key. */
function readers(field: string, files: readonly Source[]): string[] {
  const last = field.split(".").at(-1) ?? field;
  const name = READ_AS[field] ?? last;
  const read = new RegExp(`\\.${name}\\b|[{,]\\s*${name}\\b|\\["${name}"\\]|"[a-z_.]*\\b${name}"`);
  return files.filter(({ text }) => read.test(text)).map((file) => file.name);
}
