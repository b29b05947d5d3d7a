/** Maps that keep only the newest keys. */

/** If the map then exceeds `most`, removes the oldest key and returns it. */
export const remember = <A>(map: Map<string, A>, key: string, value: A, most: number): string | undefined => {
  map.delete(key)
  map.set(key, value)
  if (map.size <= most) return undefined
  const [oldest] = map.keys()
  map.delete(oldest!)
  return oldest
}
