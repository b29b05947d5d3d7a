/**
 * Takes a codec apart into its format and the wrappers around the format. A stream encodes its elements by the format,
 * and wraps whole pages: what a wrapper protects then includes the order of the elements, and its output, which a
 * cipher makes different each time, is never compared.
 */
import type { Codec } from "../../ports/serializer.ts"

const layers = Symbol("layers")

interface Layers {
  readonly format: Codec<any, any>
  readonly around: <B, R>(codec: Codec<B, R>) => Codec<B, R>
}

interface Layered {
  readonly [layers]?: Layers
}

type Wrap = <A, R>(codec: Codec<A, R>) => Codec<A, R>

/** The codec inside all wrappers. */
export const formatOf = <A, R>(codec: Codec<A, R>): Codec<A, R> => (codec as Layered)[layers]?.format ?? codec

/** Puts the wrappers of `codec` around another codec. Returns the other codec itself if there are none. */
export const around = <B, R>(codec: Codec<any, any>, other: Codec<B, R>): Codec<B, R> =>
  (codec as Layered)[layers]?.around(other) ?? other

export const wrapped = <A, R>(codec: Codec<A, R>, wrap: Wrap): Codec<A, R> => {
  const parts: Layers = { format: formatOf(codec), around: (other) => wrap(around(codec, other)) }
  return Object.assign({}, wrap(codec), { [layers]: parts })
}
