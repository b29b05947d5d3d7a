/** The place in the source at which a key class is defined. */

/** A place in the source; the query tells apart what was made of one file by several evaluations. */
interface Site {
  readonly file: string
  readonly query: string
  /** Line and column. */
  readonly position: string
}

/** The functions of the library between the definition and the error that was made there. */
const ownFrames = 2

/**
 * `undefined`: the platform does not say. The question costs more than the definition of a class, so it is asked only
 * when two classes meet.
 */
export const siteOf = ({ stack }: Error): Site | undefined => {
  const frame = stack?.split("\n").filter((line) => positioned.test(line))[ownFrames]
  const [, file, query = "", position] = frame === undefined ? [] : positioned.exec(frame) ?? []
  return file === undefined || position === undefined ? undefined : { file, query, position }
}

const positioned = /([^\s(@]*?)(\?[^:]*)?:(\d+:\d+)\)?$/

/**
 * Whether two definitions may be one, evaluated again: by a hot reload, which may have moved it in its file, or by a
 * function that is called again.
 */
export const mayBeOne = (one: Site | undefined, other: Site | undefined): boolean =>
  one === undefined || other === undefined ||
  one.file === other.file && (one.position === other.position || one.query !== other.query)

export const textOf = (site: Site | undefined): string => site === undefined ? "?" : `${site.file}:${site.position}`
