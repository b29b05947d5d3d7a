/** The hit ratio of an LRU cache at every capacity, exactly: the distance of each read, slowly and obviously. */

/** `ratios[capacity]`, from 0 to the number of ids. */
export const lruRatios = (accesses: ArrayLike<number>): ReadonlyArray<number> => {
  const { length } = accesses
  // A tree of sums (Fenwick): 1 where an id was read last.
  const sums = new Int32Array(length + 1)
  const add = (place: number, value: number): void => {
    for (let i = place + 1; i <= length; i += i & -i) sums[i]! += value
  }
  const sumTo = (place: number): number => {
    let sum = 0
    for (let i = place + 1; i > 0; i -= i & -i) sum += sums[i]!
    return sum
  }
  const last = new Map<number, number>()
  const distances: Array<number> = []
  for (let i = 0; i < length; i++) {
    const id = accesses[i]!
    const before = last.get(id)
    if (before !== undefined) {
      const distance = last.size - sumTo(before) + 1
      distances[distance] = (distances[distance] ?? 0) + 1
      add(before, -1)
    }
    add(i, 1)
    last.set(id, i)
  }
  let hits = 0
  return Array.from({ length: last.size + 1 }, (_, capacity) => (hits += distances[capacity] ?? 0) / length)
}

/** The value of a curve at a capacity: between two points a straight line. */
export const ratioAt = (
  points: ReadonlyArray<{ readonly capacity: number; readonly hitRatio: number }>,
  capacity: number
): number => {
  const next = points.findIndex((point) => point.capacity >= capacity)
  if (next < 0) return points.at(-1)?.hitRatio ?? 0
  const { capacity: to, hitRatio } = points[next]!
  const before = points[next - 1] ?? { capacity: 0, hitRatio: 0 }
  return before.hitRatio + (hitRatio - before.hitRatio) * (capacity - before.capacity) / (to - before.capacity)
}
