/** Heads of bytes: those of others, and damaged ones, are none. */
import { expect, it } from "@effect/vitest"
import * as Headed from "../../../src/drivers/shared/headed.ts"
import { crc32 } from "../../../src/internal/codec/crc32.ts"

const withHead = (json: string) => {
  const head = new TextEncoder().encode(json)
  const bytes = new Uint8Array(9 + head.length)
  bytes.set(head, 8)
  const start = new DataView(bytes.buffer)
  start.setUint32(0, head.length)
  start.setUint32(4, crc32(head))
  return bytes
}

const nameOf = ({ name: { length } }: any): number => length

it("gives back the head and the rest", () => {
  const rest = new Uint8Array([1, 2, 3])
  const bytes = Headed.encode({ name: "abc" }, rest, (least) => least + 5)
  expect(Headed.decode(bytes, nameOf)).toEqual({ head: 3, rest })
})

it.each(["{", "null", "{}", "{\"name\":null}"])("a head %s is none, even with its checksum", (json) => {
  expect(Headed.decode(withHead(json), nameOf)).toBeUndefined()
})

it("what is cut or damaged has no head", () => {
  const bytes = withHead("{\"name\":\"abc\"}")
  expect(Headed.decode(bytes, nameOf)).toBeDefined()
  expect(Headed.decode(bytes.subarray(0, 8), nameOf)).toBeUndefined()
  bytes[10]! ^= 1
  expect(Headed.decode(bytes, nameOf)).toBeUndefined()
})
