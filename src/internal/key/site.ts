/** The place in the source where a key class is defined. */

interface Site {
  readonly file: string
  readonly query: string
  readonly position: string
}

/** The library's own frames between the definition and the error created there. */
const ownFrames = 2

/** `undefined` if the platform has none. Parsed only when two classes meet: it costs more than defining a class. */
export const siteOf = ({ stack }: Error): Site | undefined => {
  const frame = stack?.split("\n").filter((line) => positioned.test(line))[ownFrames]
  const [, file, query = "", position] = frame === undefined ? [] : positioned.exec(frame) ?? []
  return file === undefined || position === undefined ? undefined : { file, query, position }
}

const positioned = /([^\s(@]*?)(\?[^:]*)?:(\d+:\d+)\)?$/

/** Whether one definition was evaluated again: by a hot reload, which may have moved it, or by a function. */
export const mayBeOne = (one: Site | undefined, other: Site | undefined): boolean =>
  one === undefined || other === undefined ||
  one.file === other.file && (one.position === other.position || one.query !== other.query)

export const textOf = (site: Site | undefined): string => site === undefined ? "?" : `${site.file}:${site.position}`
