/** The buffer of a subscriber to events. A hit only writes into an array, which costs less than a queue. */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scheduler from "effect/Scheduler"
import * as Stream from "effect/Stream"
import { waitingEvents } from "../internal/defaults/bounds.ts"

interface EventBuffer<A> {
  /** Once full, a ring that begins at `first`: the oldest item is overwritten. */
  items: Array<A>
  first: number
  lost: number
  /** Set while the subscriber waits for an item. Gives it a turn. */
  wake: (() => void) | undefined
}

export const make = <A>(): EventBuffer<A> => ({ items: [], first: 0, lost: 0, wake: undefined })

export const offer = <A>(self: EventBuffer<A>, item: A): void => {
  const { first, items } = self
  if (items.length < waitingEvents) items.push(item)
  else {
    items[first] = item
    self.first = first + 1 === waitingEvents ? 0 : first + 1
    self.lost++
  }
  if (self.wake !== undefined) wakeUp(self)
}

const wakeUp = <A>(self: EventBuffer<A>): void => {
  const { wake } = self
  self.wake = undefined
  wake!()
}

const takeAll = <A>(self: EventBuffer<A>, missed: ((count: number) => A) | undefined): ReadonlyArray<A> => {
  const { first, items, lost } = self
  self.items = []
  self.first = 0
  self.lost = 0
  if (lost === 0) return items
  const inOrder = [...items.slice(first), ...items.slice(0, first)]
  return missed === undefined ? inOrder : Arr.prepend(inOrder, missed(lost))
}

/** Never ends. `missed` makes the item that stands for lost ones. */
export const stream = <A>(self: EventBuffer<A>, missed?: (count: number) => A): Stream.Stream<A> =>
  Stream.fromPull(Effect.map(Scheduler.Scheduler, (scheduler) => {
    const dispatcher = scheduler.makeDispatcher()
    const pull: Effect.Effect<Arr.NonEmptyReadonlyArray<A>> = Effect.callback((resume) => {
      const take = () => resume(Exit.succeed(takeAll(self, missed) as unknown as Arr.NonEmptyReadonlyArray<A>))
      if (self.items.length > 0) return take()
      // The reader that offers the item does not run the subscriber.
      self.wake = () => dispatcher.scheduleTask(take, 0)
      return Effect.sync(() => {
        self.wake = undefined
      })
    })
    return pull
  }))
