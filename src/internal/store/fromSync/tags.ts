/** The tag operations of a store over a synchronous storage. */
import type * as Fiber from "effect/Fiber"
import type { InvalidationMode, Markers } from "../../../ports/store.ts"
import { newVersion } from "../markers/markers.ts"
import { nowOf, type Sync } from "./sync.ts"

type AnyFiber = Fiber.Fiber<any, any>

const versionsBy = (self: Sync, fiber: AnyFiber) => () => newVersion(self.tokensOf(fiber))

export const markers = (self: Sync, names: ReadonlyArray<string>, fiber: AnyFiber): Markers =>
  self.tags.markers(names, versionsBy(self, fiber), nowOf(fiber))

export const invalidate = (
  self: Sync,
  names: ReadonlyArray<string>,
  mode: InvalidationMode | undefined,
  fiber: AnyFiber
): void => {
  self.moves++
  self.tags.invalidate(names, versionsBy(self, fiber), mode, nowOf(fiber))
}
