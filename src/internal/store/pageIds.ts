/**
 * The pages of streams, which are entries under ids that no key has: no id of the library or of a user begins with
 * `~:`. They are hidden from users, and listed only by their prefix.
 */

export const pagePrefix = "~:p:"

/** The id of a page: the run that wrote it, its number, and the id of the stream. */
export const pageId = (run: string, page: number, id: string): string => `${pagePrefix}${run}:${page}:${id}`

export const isPage = (id: string): boolean => id.charCodeAt(0) === 0x7e && id.startsWith(pagePrefix)

/** The run and the stream of a page, or `undefined` for any other id. */
export const partsOfPage = (id: string): { readonly run: string; readonly id: string } | undefined => {
  const match = /^~:p:([^:]+):\d+:([\s\S]+)$/.exec(id)
  return match === null ? undefined : { run: match[1]!, id: match[2]! }
}
