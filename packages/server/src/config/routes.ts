/** Settings of a town and of a rig (spec/api.md §3.13). */
import { GastownError, rigConfig, townConfig } from "@gastown/protocol";
import { changesToStore, sealPatch } from "../credentials/patch.ts";
import { secretsShown } from "../credentials/shown.ts";
import { keptNotifiers } from "../notify/settings.ts";
import type { ServerPorts } from "../ports.ts";
import type { Endpoints } from "../http/endpoint.ts";
import type { AppContext } from "../http/env.ts";
import {
  changeAnswer,
  changedKeys,
  effectiveWithSources,
  masked,
  rigConfigAnswer,
  townConfigAnswer,
} from "./answer.ts";
import { configPatch, patchConfig } from "./merge.ts";

const townPath = "/api/towns/{townId}/config";
const rigPath = "/api/towns/{townId}/rigs/{rigId}/config";
const tagOf = (version: number): string => `"cfg-${version}"`;
const etag = ({ version }: { version: number }): string => tagOf(version);

export function configRoutes(on: Endpoints, ports: ServerPorts): void {
  on.read(
    {
      method: "get",
      path: townPath,
      operation: "config.get",
      summary: "The town's settings, secrets masked.",
      who: "viewer",
      answer: townConfigAnswer,
      etag,
    },
    (town) => {
      const { version, config, effective } = town.config();
      const secrets = town.secrets(null);
      return {
        version,
        config: masked(config, secrets),
        effective: effectiveWithSources(effective, config, undefined, { town: secrets }),
        secrets: secretsShown(secrets, town.rigs()),
      };
    },
  );
  on.commandAfter(
    {
      method: "patch",
      path: townPath,
      operation: "config.update",
      summary: "Changes settings; $unset returns keys to their default.",
      who: "owner",
      body: configPatch,
      answer: changeAnswer,
      etag,
    },
    ({ params, body }) => sealPatch(ports, params.townId, "town", body),
    (town, { actor, c }, prepared) => {
      const { version, config } = town.config();
      checkVersion(c, version);
      const { notifiers, rest } = prepared;
      const notify = notifiers && { notify: keptNotifiers(notifiers, config.notify) };
      const next = patchConfig(townConfig, config, { ...rest, ...notify });
      const secrets = changesToStore(prepared, town.secrets(null));
      const addresses = notifiers?.addresses ?? [];
      // An address may change where its mask does not.
      const keys = new Set([...changedKeys(config, next), ...(addresses.length > 0 ? ["notify"] : [])]);
      const changed = [...keys, ...secrets.map(({ key }) => `credentials.${key}`)];
      if (changed.length > 0) town.setConfig(next, actor, secrets);
      if (keys.has("notify")) town.storeNotifierAddresses(addresses, actor);
      return { version: town.config().version, changed, effects: [] };
    },
  );
  on.read(
    {
      method: "get",
      path: rigPath,
      operation: "rigConfig.get",
      summary: "A rig's overrides and what holds for it.",
      who: "viewer",
      answer: rigConfigAnswer,
      etag,
    },
    (town, { params }) => {
      const { version, config, effective } = town.rigConfig(params.rigId);
      const secrets = { town: town.secrets(null), rig: town.secrets(params.rigId) };
      const rig = town.rig(params.rigId);
      return {
        version,
        config: masked(config, secrets.rig),
        effective: effectiveWithSources(effective, town.config().config, config, secrets),
        secrets: secretsShown(secrets.rig, [rig]),
      };
    },
  );
  on.commandAfter(
    {
      method: "patch",
      path: rigPath,
      operation: "rigConfig.update",
      summary: "Changes a rig's overrides; $unset inherits again.",
      who: "owner",
      body: configPatch,
      answer: changeAnswer,
      etag,
    },
    ({ params, body }) => sealPatch(ports, params.townId, "rig", body),
    (town, { params, actor, c }, prepared) => {
      const { version, config } = town.rigConfig(params.rigId);
      checkVersion(c, version);
      const next = patchConfig(rigConfig, config, prepared.rest);
      const secrets = changesToStore(prepared, town.secrets(params.rigId));
      const changed = [...changedKeys(config, next), ...secrets.map(({ key }) => `credentials.${key}`)];
      if (changed.length > 0) town.setRigConfig(params.rigId, next, actor, secrets);
      return { version: town.rigConfig(params.rigId).version, changed, effects: [] };
    },
  );
}

function checkVersion(c: AppContext, version: number): void {
  const wanted = c.req.header("if-match");
  if (wanted === undefined || wanted === "*" || wanted === tagOf(version)) return;
  throw new GastownError(
    "precondition_failed",
    "The settings changed meanwhile. Read them again, then decide.",
    { version },
  );
}
