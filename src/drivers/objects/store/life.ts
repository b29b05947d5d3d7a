/**
 * The lives of objects. A list shows the sizes of objects but not what is in them, and reading each object would cost a
 * request. So the remainder of a size, divided by `count`, tells how long the object lives after it was written: 0
 * stands for no end, the last one for an object with nothing in it, and the others for lives in steps.
 */
import { lives } from "../../../internal/defaults/objects.ts"

const { count, factor, leastMillis } = lives
const endless = 0
const nothing = count - 1

const codeOf = (lifeMillis: number): number => {
  if (lifeMillis === 0) return nothing
  const steps = Math.ceil(Math.log(Math.max(1, lifeMillis / leastMillis)) / Math.log(factor))
  return steps + 1 < nothing ? steps + 1 : endless
}

/** The least size, of at least so many bytes, that tells this life. */
export const sizeFor = (lifeMillis: number, size: number): number => {
  const missing = (codeOf(lifeMillis) - size) % count
  return size + (missing < 0 ? missing + count : missing)
}

/** The life that a size tells, rounded up. 0 if there is nothing in the object. */
export const lifeOfSize = (size: number): number => {
  const code = size % count
  return code === nothing ? 0 : code > endless ? leastMillis * factor ** (code - 1) : Infinity
}
