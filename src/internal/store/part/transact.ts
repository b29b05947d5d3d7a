/** The transactions of a store part (a view of a store limited to a prefix). */
import * as Effect from "effect/Effect"
import type { Store, TransactCheck, Transacted, TransactRequest, TransactStep } from "../../../ports/store.ts"
import * as Tokens from "../../token.ts"
import { newVersion } from "../markers/markers.ts"
import { nameOf, stripName } from "./counters.ts"
import { closeCommit, ended } from "./leases.ts"
import { add, close, type Part, strip, withVersion } from "./part.ts"

/** Converts steps to their stored form. A `Clear` becomes an invalidation of the tag of all entries in the part. */
const closeSteps = (
  self: Part,
  steps: ReadonlyArray<TransactStep>,
  before: string,
  newVersion: () => string
): ReadonlyArray<TransactStep> => {
  let version = before
  return steps.map((step): TransactStep => {
    switch (step._tag) {
      case "Set":
        return { ...step, id: add(self, step.id), entry: close(self, step.entry, version) }
      case "Commit":
        return { ...step, ...closeCommit(self, step, version) ?? { id: add(self, step.id) } }
      case "Remove":
      case "Touch":
        return { ...step, id: add(self, step.id) }
      case "InvalidateTags":
        return { ...step, tags: step.tags.map(({ tag, version }) => ({ tag: add(self, tag), version })) }
      case "Clear":
        version = newVersion()
        return { _tag: "InvalidateTags", tags: [{ tag: self.everything, version }], mode: "hard" }
      default:
        return { ...step, name: nameOf(self, version, step.name) }
    }
  })
}

const closeCheck = (self: Part, check: TransactCheck, version: string): TransactCheck => {
  switch (check._tag) {
    case "Entry":
      return { ...check, id: add(self, check.id) }
    case "Counter":
      return { ...check, name: nameOf(self, version, check.name) }
    default:
      return check
  }
}

export const transacting = (self: Part, transact: NonNullable<Store["transact"]>): NonNullable<Store["transact"]> => {
  const tokensOf = Tokens.lazily()
  return ({ checks, steps }) =>
    withVersion(self, (version) =>
      Effect.withFiber((fiber) => {
        const closed: TransactRequest = {
          checks: checks.map((check) => closeCheck(self, check, version)),
          steps: closeSteps(self, steps, version, () => newVersion(tokensOf(fiber)))
        }
        const ids = steps.flatMap((step) => "id" in step && step._tag !== "Touch" ? [step.id] : [])
        return Effect.map(
          ended(self, ids, transact(closed), ({ _tag }) => _tag === "Committed"),
          (answer): Transacted =>
            answer._tag === "Committed"
              ? { ...answer, refused: answer.refused.map((id) => strip(self, id)) }
              : {
                ...answer,
                ids: answer.ids.map((id) => strip(self, id)),
                names: answer.names.map((name) => stripName(self, version, name))
              }
        )
      }))
}
