/** Serializers that wrap another serializer: names, order, and the codecs that read a payload. */
import type { Codec, Serializer } from "../../ports/serializer.ts"
import { mistake } from "../options/options.ts"
import { compile, containing, kindsOf } from "./compile.ts"
import { wrapped } from "./layers.ts"
import { requireSerializer } from "./requireSerializer.ts"

/** The numbers of the wrappers' codecs. Formats have smaller numbers, and formats of users have numbers from 128 on. */
export const numbers = { compressed: 64, signed: 65, encrypted: 66 }

type Kind = keyof typeof numbers

interface Wrapping {
  readonly kind: Kind
  readonly suffix: string
  readonly extension: string
  readonly contentType: string
}

/** Throws if `inner` is not a serializer, or already contains a wrapper of this kind. */
export const requireInner = (what: string, inner: Serializer, kind: Kind): void => {
  requireSerializer(what, inner)
  if (kindsOf(inner).includes(kind)) {
    throw mistake(`${what} got the serializer "${inner.name}", which is already ${kind}: wrap it once`)
  }
}

export const wrap = (
  inner: Serializer,
  { contentType, extension, kind, suffix }: Wrapping,
  over: <A, R>(codec: Codec<A, R>, name: string) => Codec<A, R>
): Serializer => {
  const name = `${inner.name}+${suffix}`
  const serializer: Serializer = {
    name,
    contentType,
    extension: inner.extension + extension,
    make(schema, use) {
      const own = use?.serializer
      if (own !== undefined && kindsOf(own).includes(kind)) {
        throw mistake(
          `The key class "${
            use!.keyClass
          }" names the serializer "${own.name}", which is already ${kind}, as is that of ` +
            `the cache: name it without that wrapper`
        )
      }
      return wrapped(compile(inner, schema, use), (inside) => {
        const codec = over(inside, name)
        return inside.extension === undefined ? codec : { ...codec, extension: inside.extension + extension }
      })
    }
  }
  return containing(serializer, [...kindsOf(inner), kind])
}
