/** Compiles codecs. The serializer that a key class names replaces the format of a cache, not its wrappers. */
import type * as Schema from "effect/Schema"
import type { Codec, Serializer, Use } from "../../ports/serializer.ts"

type Kinds = ReadonlyArray<string>

const around = new WeakMap<Serializer, Kinds>()

/** The kinds of wrappers in a serializer. */
export const kindsOf = (serializer: Serializer): Kinds => around.get(serializer) ?? []

/** Notes that a serializer compiles others, by `compile`. */
export const containing = (serializer: Serializer, kinds: Kinds): Serializer => {
  around.set(serializer, kinds)
  return serializer
}

export const compile = <A, R>(
  serializer: Serializer,
  schema: Schema.Codec<A, any, R, R> | undefined,
  use: Use | undefined
): Codec<A, R> =>
  use?.serializer === undefined || around.has(serializer)
    ? serializer.make(schema, use)
    : compileOwn(use.serializer, schema, use)

/** Compiles a codec by the serializer of one key class, whose files may have another extension than others. */
export const compileOwn = <A, R>(
  serializer: Serializer,
  schema: Schema.Codec<A, any, R, R> | undefined,
  { keyClass, outcome }: Use
): Codec<A, R> => {
  const codec = serializer.make(schema, { keyClass, outcome })
  return codec.extension === undefined ? { ...codec, extension: serializer.extension } : codec
}
