/** Bounds a map by removing its oldest key. */

/** Sets a key as the newest. If the map then has more than `most` keys, removes the oldest key and returns it. */
export const remember = <A>(map: Map<string, A>, key: string, value: A, most: number): string | undefined => {
  map.delete(key)
  map.set(key, value)
  if (map.size <= most) return undefined
  const [oldest] = map.keys()
  map.delete(oldest!)
  return oldest
}
