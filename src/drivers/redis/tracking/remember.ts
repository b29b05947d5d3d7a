/** Maps that remember the newest keys. */

/** Sets a key as the newest. Answers the oldest one, which is removed, if there are more than `most`. */
export const remember = <A>(map: Map<string, A>, key: string, value: A, most: number): string | undefined => {
  map.delete(key)
  map.set(key, value)
  if (map.size <= most) return undefined
  const [oldest] = map.keys()
  map.delete(oldest!)
  return oldest
}
