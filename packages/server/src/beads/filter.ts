import {
  anyBeadId,
  beadKind,
  beadStatus,
  beadType,
  idSchema,
  limits,
  priority,
  waitingCode,
} from "@gastown/protocol";
import { z } from "zod";
import { anyOf, flag } from "../http/query.ts";

/** Which beads a list or a count is of (spec/api.md §3.5); a comma means any of. */
export const beadFilterQuery = {
  status: anyOf(beadStatus).optional(),
  type: anyOf(beadType).optional(),
  kind: anyOf(beadKind).optional(),
  rigId: idSchema("rig").optional(),
  convoyId: idSchema("convoy").optional(),
  parentId: anyBeadId.optional(),
  priority: anyOf(priority).optional(),
  label: anyOf(limits.label).optional(),
  held: flag.optional(),
  ready: flag.optional(),
  waitingOn: anyOf(waitingCode).optional(),
  updatedSince: z.iso.datetime({ offset: true }).optional(),
  idEnding: z.string().min(4).max(40).optional(),
  q: z.string().min(1).max(200).optional(),
};
