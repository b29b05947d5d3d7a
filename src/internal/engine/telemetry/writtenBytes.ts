/** The sizes of encoded results, from the write until the load is reported to listeners. */
const sizes = new WeakMap<object, number>()

export const noteWritten = (entry: object, bytes: number): void => void sizes.set(entry, bytes)

export const writtenBytes = (entry: object): number | undefined => sizes.get(entry)
