/** Bounds a map: sets a key as the newest and, above `most` keys, removes the oldest one and returns it. */
export const remember = <A>(map: Map<string, A>, key: string, value: A, most: number): string | undefined => {
  map.delete(key)
  map.set(key, value)
  if (map.size <= most) return undefined
  const [oldest] = map.keys()
  map.delete(oldest!)
  return oldest
}
