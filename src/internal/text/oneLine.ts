/** Text that may contain anything, such as an id or the message of a library, in one line of limited length. */
export const oneLine = (text: string, longest: number): string =>
  (text.length > longest ? `${text.slice(0, longest)}…` : text).replaceAll(
    /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`
  )
