/** Finds the place in the source where a key class is defined. */

interface Site {
  readonly file: string
  readonly query: string
  readonly position: string
}

/** The number of the library's own stack frames above the user's class definition. */
const ownFrames = 2

/** Reads the site from an error's stack, if it has one. Slow, so called only when two classes share ids. */
export const siteOf = ({ stack }: Error): Site | undefined => {
  const frame = stack?.split("\n").filter((line) => positioned.test(line))[ownFrames]
  const [, file, query = "", position] = frame === undefined ? [] : positioned.exec(frame) ?? []
  return file === undefined || position === undefined ? undefined : { file, query, position }
}

const positioned = /([^\s(@]*?)(\?[^:]*)?:(\d+:\d+)\)?$/

/** Whether two sites may be one definition that ran twice: in a function, or (perhaps moved) after a hot reload. */
export const mayBeOne = (one: Site | undefined, other: Site | undefined): boolean =>
  one === undefined || other === undefined ||
  one.file === other.file && (one.position === other.position || one.query !== other.query)

export const textOf = (site: Site | undefined): string => site === undefined ? "?" : `${site.file}:${site.position}`
