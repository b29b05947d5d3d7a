import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { Change } from "../../Store.ts"
import { forgetAll } from "./invalidate.ts"
import * as Memory from "./memory.ts"
import type { Backend, Engine } from "./model.ts"
import { total } from "./observe.ts"
import { detach } from "./refresh.ts"
import * as Tags from "./tags.ts"
import * as Told from "./told.ts"

/** how long what another process did may go unseen, while this one reads */
const pollMillis = 50

/**
 * Keeps memory from serving what other processes have changed. A store that tells what they did is asked every 50 ms;
 * of one that does not, nothing in memory is believed for longer than the bound.
 *
 * Only while there are reads: in a pause it sleeps, and the first read after that asks before anything is served. For
 * that the tag epoch moves when it falls asleep: every entry in memory is looked at once more, and a hit costs nothing.
 */
export const follow = (self: Engine): void => {
  const { backend } = self
  if (backend === undefined || !backend.store.capabilities.shared) return
  const tells = backend.store.changesUnsafe !== undefined
  backend.deaf = !tells
  const everyMillis = tells ? pollMillis : backend.boundMillis
  const look = tells ? () => listen(self, backend) : () => forgetOld(self, backend)
  self.tags.onDoubt = () => {
    if (backend.follower === undefined && !self.closed) awaken(self, backend, everyMillis, look)
  }
  // what was before this process began is nothing to it
  look()
}

const awaken = (self: Engine, backend: Backend, everyMillis: number, look: () => void): void => {
  let seen = readsOf(self)
  look()
  // of its own: the loop begins before its fiber is known
  let isAwake = true
  backend.follower = Effect.runForkWith(self.context)(
    Effect.whileLoop({
      while: () => isAwake,
      body: () => Effect.sleep(everyMillis),
      step: () => {
        look()
        const reads = readsOf(self)
        if (reads === seen) {
          isAwake = false
          backend.follower = undefined
          self.tags.epoch++
        }
        seen = reads
      }
    })
  )
}

const readsOf = (self: Engine): number => {
  const { hits, misses, stale, storeHits } = total(self)
  return hits + storeHits + misses + stale
}

const nowOf = (self: Engine): number => Context.get(self.context, Clock.Clock).currentTimeMillisUnsafe()

/** every entry is read from the store again, once in a bound */
const forgetOld = (self: Engine, backend: Backend): void => {
  const ageMillis = nowOf(self) - backend.heardAt
  // less than nothing: the clock was set back. A timer may fire a millisecond early
  if (ageMillis >= 0 && ageMillis < backend.boundMillis - 1) return
  backend.heardAt = nowOf(self)
  self.mutations++
  backend.wipedAt = backend.heardAt
  Memory.clear(self.memory, "doubted")
}

const listen = (self: Engine, backend: Backend): void => {
  Told.forget(backend.told)
  let changes: ReadonlyArray<Change>
  try {
    changes = backend.store.changesUnsafe!()
  } catch {
    backend.deaf = true
    // it cannot tell now. What is in memory is believed for the bound, then loaded once more: no stampede
    return forgetOld(self, backend)
  }
  backend.deaf = false
  backend.heardAt = nowOf(self)
  for (const change of changes) hear(self, change)
}

/** What another process did. Who waits for a load here gets it still; nobody joins it any more. */
const hear = (self: Engine, change: Change): void => {
  self.mutations++
  switch (change._tag) {
    case "Changed": {
      Memory.remove(self.memory, change.id, "invalidated")
      const flight = self.flights.get(change.id)
      // one that waits for that very change goes on
      if (flight?.isLoading === true) detach(self, change.id)
      else if (flight !== undefined) {
        flight.outdated = true
        // who waits already has its own; for who comes now it is nothing to fall back on
        flight.stale = undefined
      }
      break
    }
    case "TagChanged":
      Tags.invalidate(self.tags, [change.tag])
      break
    case "AllChanged":
    case "Gap":
      forgetAll(self)
  }
}
