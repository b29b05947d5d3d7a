/** The part of a memory tier that concerns its eviction policy: entries by id, within a bound. */
import type { Eviction } from "effect-cached/adapters"

export interface Held extends Eviction.Node {
  readonly id: string
  readonly weight: number
}

export const heldBy = (policy: Eviction.Policy, bound: number) => {
  const held = new Map<string, Held>()
  const evicted: Array<string> = []
  let capacity = bound
  let weight = 0
  const remove = (id: string): void => {
    const node = held.get(id)
    if (node === undefined) return
    held.delete(id)
    weight -= node.weight
    policy.removed(node)
  }
  const makeRoom = (): void => {
    for (;;) {
      if (weight <= capacity) return
      const { id } = policy.victim()!
      if (!held.has(id)) throw new Error(`${id} is not held`)
      evicted.push(id)
      remove(id)
    }
  }
  return {
    policy,
    evicted,
    remove,
    put: (id: string, its = 1): void => {
      const node: Held = { id, weight: its, previous: undefined, next: undefined, mark: 0 }
      const old = held.get(id)
      held.set(id, node)
      weight += its - (old?.weight ?? 0)
      if (old === undefined) policy.added(node)
      else if (policy.replaced !== undefined) policy.replaced(old, node)
      else {
        policy.removed(old)
        policy.added(node)
      }
      makeRoom()
    },
    clear: (): void => {
      held.clear()
      weight = 0
      policy.cleared!()
    },
    has: (id: string): boolean => held.has(id),
    read: (id: string): void => policy.read(held.get(id)!),
    resize: (to: number): void => {
      capacity = to
      policy.resized?.(to)
      makeRoom()
    },
    weight: () => weight,
    ids: (): ReadonlyArray<string> => Array.from(held.keys()).toSorted()
  }
}
