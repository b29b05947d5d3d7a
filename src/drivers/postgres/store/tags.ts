/** The markers of tags. */
import * as Effect from "effect/Effect"
import { newVersion } from "../../../internal/store/markers/markers.ts"
import type { Store } from "../../../ports/store.ts"
import { ask, type Params } from "../../shared/sql/client.ts"
import { noteTags, type Session } from "../session/session.ts"
import { keysOf, placed, wholesOf } from "./rows.ts"

const placedTags = (tags: ReadonlyArray<string>) => placed(Array.from(new Set(tags)))

export const markers = (self: Session): Store["markers"] => (tags) =>
  Effect.suspend(() => {
    const { statements, tokens } = self
    if (tags.length === 0) {
      return Effect.map(ask(self, "markers", statements.seq, []), ([row]) => ({ seq: Number(row![0]), markers: [] }))
    }
    const all = placedTags(tags)
    const params = [keysOf(all), wholesOf(all), all.map(() => newVersion(tokens))]
    return Effect.map(ask(self, "markers", statements.markers, params), (rows) => {
      const found = new Map(
        rows.map(([n, version, seq]) => [all[Number(n) - 1]!.item, { version: String(version), seq: Number(seq) }])
      )
      return { seq: Number(rows[0]![3]), markers: tags.map((tag) => found.get(tag)!) }
    })
  })

export const invalidating = (
  self: Session,
  tags: ReadonlyMap<string, string>,
  isSoft: boolean
): Params => {
  const all = placed(Array.from(tags.keys()))
  return [self.origin, keysOf(all), wholesOf(all), all.map(({ item }) => tags.get(item)), isSoft]
}

export const invalidate = (self: Session): Store["invalidateTags"] => (tags, mode) =>
  Effect.suspend(() => {
    const versions = new Map(tags.map((tag) => [tag, newVersion(self.tokens)]))
    const params = invalidating(self, versions, mode === "soft")
    return Effect.map(ask(self, "invalidateTags", self.statements.invalidate, params), () => noteTags(self, tags))
  })
