/** The checksum without Node.js is that of Node.js. */
import { expect, it } from "@effect/vitest"
import { Schema } from "effect"
import { crc32 as ofNode } from "node:zlib"
import { crc32 } from "../../../src/internal/codec/crc32.ts"

it.prop(
  "is that of node:zlib, for texts and bytes, continued or not",
  [Schema.String, Schema.Uint8Array],
  ([text, bytes]) => {
    expect(crc32(text)).toBe(ofNode(text))
    expect(crc32(bytes)).toBe(ofNode(bytes))
    expect(crc32(bytes, crc32(text))).toBe(ofNode(bytes, ofNode(text)))
    expect(crc32(`ä𝄞${text}`)).toBe(ofNode(`ä𝄞${text}`))
  }
)
