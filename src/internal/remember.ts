/** Bounds a map: sets a key as the newest and, above `most` keys, removes the oldest one and returns it. */
export const remember = <A>(map: Map<string, A>, key: string, value: A, most: number): string | undefined => {
  map.delete(key)
  map.set(key, value)
  if (map.size <= most) return undefined
  let next = oldest.get(map)?.next()
  if (next === undefined || next.done === true) {
    const keys = map.keys()
    oldest.set(map, keys)
    next = keys.next()
  }
  map.delete(next.value!)
  return next.value
}

/** For each map an iterator that stands at its oldest key: a new one would first step over all removed keys. */
const oldest = new WeakMap<Map<string, unknown>, MapIterator<string>>()
