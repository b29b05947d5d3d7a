/** Splits the bytes of a text into lines. */

export class LineTooLong extends Error {}

/** Lines without their ends. They are whole unless it is the last one, and has no end. */
interface Lines {
  readonly lines: ReadonlyArray<Buffer>
  readonly isWhole: boolean
}

/** The lines of each chunk, without a byte order mark. */
export async function* linesOf(source: AsyncIterable<Uint8Array>, longest: number): AsyncGenerator<Lines> {
  let rest: Array<Uint8Array> = []
  let size = 0
  let isFirst = true
  const end = (last: Uint8Array): Buffer => {
    const line = Buffer.concat([...rest, last])
    const marked = isFirst && line.subarray(0, 3).toString("latin1") === "\xef\xbb\xbf"
    rest = []
    size = 0
    isFirst = false
    return marked ? line.subarray(3) : line
  }
  for await (const chunk of source) {
    const lines: Array<Buffer> = []
    let start = 0
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, start)) {
      lines.push(end(chunk.subarray(start, at)))
      start = at + 1
    }
    rest.push(chunk.subarray(start))
    size += chunk.length - start
    yield { lines, isWhole: true }
    if (size > longest) throw new LineTooLong()
  }
  if (size > 0) yield { lines: [end(new Uint8Array())], isWhole: false }
}
