/** Shows times to people. */

/** The latest time that a `Date` can hold. */
const latest = 8.64e15

export const showTime = (millis: number): string => {
  if (millis === Infinity) return "never"
  return Math.abs(millis) <= latest ? new Date(millis).toISOString() : String(millis)
}
