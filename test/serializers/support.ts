/** Serializers in all orders of wrapping, and what their tests share. */
import { Redacted } from "effect"
import type { Serializer } from "effect-cached/adapters"
import * as Compressed from "effect-cached/serializers/Compressed"
import * as Encrypted from "effect-cached/serializers/Encrypted"
import * as Signed from "effect-cached/serializers/Signed"

export const secretText = "a secret text that nothing may show"

/** 32 bytes that are the same in each run. */
export const secretBytes = (n: number): Uint8Array => Uint8Array.from({ length: 32 }, (_, i) => (i * 7 + n * 31) & 255)

export const keys = { keys: { a: Redacted.make(secretBytes(1)), b: Redacted.make(secretBytes(2)) }, current: "a" }

export const wrappers: { readonly [name: string]: (inner: Serializer.Serializer) => Serializer.Serializer } = {
  gzip: (inner) => Compressed.make(inner, { algorithm: "gzip", threshold: "1 B" }),
  brotli: (inner) => Compressed.make(inner, { algorithm: "brotli", threshold: "1 B" }),
  zstd: (inner) => Compressed.make(inner, { algorithm: "zstd" }),
  signed: (inner) => Signed.make(inner, keys),
  aes: (inner) => Encrypted.make(inner, keys),
  xchacha: (inner) => Encrypted.make(inner, { ...keys, algorithm: "XChaCha20-Poly1305" })
}

const three = ["zstd", "signed", "aes"]

const orders = three.flatMap((first) => [
  [first],
  ...three.flatMap((second) =>
    first === second ? [] : [[first, second], [first, second, three.find((name) => name !== first && name !== second)!]]
  )
])

/** Wraps a serializer, from the innermost to the outermost wrapper. */
export const wrapIn = (inner: Serializer.Serializer, names: ReadonlyArray<string>): Serializer.Serializer =>
  names.reduce((serializer, name) => wrappers[name]!(serializer), inner)

/** Every order of one, two or three wrappers, and each wrapper with its other algorithms. */
export const nestings: ReadonlyArray<ReadonlyArray<string>> = [...orders, ["gzip"], ["brotli"], ["xchacha"]]
