/** The ids of the pages of streams. Pages are entries hidden from users. No key's id begins with their prefix `~:`. */

export const pagePrefix = "~:p:"

export const pageId = (run: string, page: number, id: string): string => `${pagePrefix}${run}:${page}:${id}`

export const isPage = (id: string): boolean => id.charCodeAt(0) === 0x7e && id.startsWith(pagePrefix)

export const partsOfPage = (id: string): { readonly run: string; readonly id: string } | undefined => {
  const match = /^~:p:([^:]+):\d+:([\s\S]+)$/.exec(id)
  return match === null ? undefined : { run: match[1]!, id: match[2]! }
}

/** The id of the record of a class's fingerprints: hidden like a page, but not part of a stream. */
export const fingerprintsId = (name: string): string => `${pagePrefix}fingerprints:${name}`

export const isFingerprints = (id: string): boolean => id.startsWith(fingerprintsId(""))
