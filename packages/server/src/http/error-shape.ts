import { ERROR_CODES, type ErrorCode } from "@gastown/protocol";
import { z } from "zod";

const codes = Object.keys(ERROR_CODES) as [ErrorCode, ...ErrorCode[]];

/** The one error object (spec/api.md §1.3), for the document and for stored refusals. */
export const errorShape = z.object({
  error: z.object({
    code: z.enum(codes),
    message: z.string(),
    details: z.record(z.string(), z.unknown()).optional(),
    requestId: z.string().optional(),
  }),
});
