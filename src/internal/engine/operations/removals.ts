/** Registers listeners for events, and for entries that leave memory. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Fiber from "effect/Fiber"
import type { CacheEvent, Removal } from "../../../CacheEvent.ts"
import { isPage } from "../../store/pageIds.ts"
import type { Entry } from "../memory/entry.ts"
import type { MemoryTier, RemovalListener } from "../memory/memory.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import { isolated, noteThrown, without } from "../telemetry/events.ts"
import { classOf } from "../telemetry/stats.ts"
import type { EventListener, Subject } from "../telemetry/telemetry.ts"
import { writtenBytes } from "../telemetry/writtenBytes.ts"

/** The kinds of events that a listener wants. `undefined`: all but `Removed`. */
type Kinds = ReadonlySet<CacheEvent["_tag"]> | undefined

/** The name or address for which a fiber acts on the inspector's page. Empty in all other fibers. */
export const Actor = Context.Reference<string>("effect-cached/Actor", { defaultValue: () => "" })

interface Listened extends MemoryTier {
  readonly storeTier: { readonly isElsewhere: boolean } | undefined
}

/** Calls `listener` for every event until the returned function is called, or until the listener throws. */
export const listen = (self: Listened, listener: EventListener, kinds?: Kinds): () => void => {
  // As one function, because each hit calls it.
  const notify = (event: CacheEvent, subject: Subject | undefined): void => {
    const { _tag } = event
    if (kinds !== undefined && !kinds.has(_tag)) return
    try {
      const told = _tag === "Stale" || _tag === "Load" || _tag === "Invalidate"
        ? withFacts(self, event, subject)
        : event
      listener(self.disguise === undefined ? told : self.disguise.event(told), subject?.exit)
    } catch (defect) {
      unsubscribe()
      noteThrown(self, defect)
    }
  }
  self.listeners.events = [...self.listeners.events ?? [], notify]
  // Without a listener for hits, a hit does not look for listeners.
  if (kinds?.has("Hit") !== false) self.hitsHaveEffects = true
  const unsubscribeRemovals = listenToRemovals(self, (entry, cause) => {
    const isEviction = cause === "evicted" && kinds?.has("Evict") !== false
    const isNamed = kinds?.has("Removed") === true
    if (!isEviction && !isNamed) return
    const about = { id: entry.id, keyClass: classOf(self, entry.counters), ageMillis: ageOf(self, entry.createdAt) }
    if (isEviction) notify({ _tag: "Evict", ...about }, entry)
    if (!isNamed) return
    const by = cause === "invalidated" ? byWhom(self, entry) : undefined
    notify({ _tag: "Removed", ...about, cause, ...by === undefined ? {} : { by } }, undefined)
  })
  const unsubscribe = (): void => {
    self.listeners.events = without(self.listeners.events, notify)
    unsubscribeRemovals()
  }
  return unsubscribe
}

/** Adds the facts that only listeners need. */
const withFacts = (self: MemoryTier, event: CacheEvent, subject: Subject | undefined): CacheEvent => {
  if (event._tag === "Stale") return { ...event, ageMillis: ageOf(self, subject?.createdAt) }
  if (event._tag === "Invalidate") {
    const actor = Fiber.getCurrent()?.getRef(Actor)
    return actor ? { ...event, actor } : event
  }
  const bytes = subject?.entry && writtenBytes(subject.entry)
  return bytes === undefined ? event : { ...event, bytes } as CacheEvent
}

/** The clock of the program that reads may be another than that of the layer, as in a test. */
const ageOf = (self: MemoryTier, createdAt: number | undefined): number => {
  const clock = Fiber.getCurrent()?.getRef(Clock.Clock) ?? Context.get(self.context, Clock.Clock)
  const now = self.time.now(clock)
  return Math.max(0, now - (createdAt ?? now))
}

/** `undefined`: a tag was invalidated earlier, perhaps by another process, and a lookup has now noticed that. */
const byWhom = (self: Listened, { checkedAt, tags }: Entry) =>
  self.storeTier?.isElsewhere === true
    ? "another process"
    : TagEpochs.changedSince(self.tagEpochs, tags, checkedAt)
    ? undefined
    : "this process"

export const onRemoval = (self: MemoryTier, listener: (removal: Removal) => void): () => void => {
  const notify = isolated<Removal, void>(self, listener, () => unsubscribe())
  const unsubscribe = listenToRemovals(
    self,
    (entry, cause) => notify({ id: entry.id, keyClass: classOf(self, entry.counters), cause, exit: entry.exit })
  )
  return unsubscribe
}

/** Like `addRemovalListener`, but ignores the pages of streams, because they are internal. */
const listenToRemovals = (self: MemoryTier, listener: RemovalListener): () => void =>
  addRemovalListener(self, (entry, cause) => {
    if (!isPage(entry.id)) listener(entry, cause)
  })

/** Calls `listener`, which must not throw, for each entry that leaves memory, until the returned function is called. */
export const addRemovalListener = (self: MemoryTier, listener: RemovalListener): () => void => {
  self.memory.onRemoval = [...self.memory.onRemoval ?? [], listener]
  return () => {
    self.memory.onRemoval = without(self.memory.onRemoval, listener)
  }
}
