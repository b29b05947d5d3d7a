/** The tags of a request, before its load and of its result. */
import type * as Exit from "effect/Exit"
import { escapeTag, tagsOf, tagsWith } from "../../key/ofKey.ts"
import type { Request } from "./request.ts"

/** The tags that are known before a load. */
export const declaredTags = (request: Request): ReadonlyArray<string> => {
  const { tags } = request.options
  return tags === undefined || typeof tags === "function"
    ? tagsOf(request.key)
    : tagsWith(request.key, tags.map(escapeTag))
}

/** The tags of a load's result. */
export const tagsOfResult = (request: Request, exit: Exit.Exit<unknown, unknown>): ReadonlyArray<string> => {
  const { tags } = request.options
  return typeof tags === "function"
    ? tagsWith(request.key, tags(exit, request.key).map(escapeTag))
    : declaredTags(request)
}
