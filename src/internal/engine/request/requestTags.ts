/** The tags of a request: those declared before its load, and those of its result. */
import type * as Exit from "effect/Exit"
import { escapeGiven } from "../../key/id.ts"
import { escapeTag, ownKey, tagsOf, tagsWith } from "../../key/ofKey.ts"
import type { Flights, Request } from "../state.ts"
import { rulesOf } from "./rules.ts"

/** The tags known before the load. Computed before a flight starts, so that an exception fails only this caller. */
export const declaredTags = (self: Flights, request: Request): ReadonlyArray<string> => {
  const rules = rulesOf(self, request)
  return rules.tags ??= knownTags(request)
}

const knownTags = ({ key, options: { tags } }: Request): ReadonlyArray<string> =>
  tags === undefined || typeof tags === "function" ? tagsOf(ownKey(key)) : tagsWith(ownKey(key), tags.map(escapeTag))

/** The tags of a result. Throws if a user's function throws or does not return an array of strings. */
export const tagsOfResult = (
  self: Flights,
  request: Request,
  exit: Exit.Exit<unknown, unknown>
): ReadonlyArray<string> => {
  const { options: { tags } } = request
  if (typeof tags !== "function") return declaredTags(self, request)
  const key = ownKey(request.key)
  return tagsWith(key, escapeGiven(tags(exit, key)))
}
