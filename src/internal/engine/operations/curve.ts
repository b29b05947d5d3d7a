/** The hit ratio at other capacities: the curve of `Cached.stats`. */
import * as Effect from "effect/Effect"
import { CacheConfigError } from "../../../CacheError.ts"
import type { Point } from "../../eviction/stackDistances.ts"
import type { Engine } from "../engine.ts"

interface Measured {
  readonly capacity: number
  readonly reads: number
  readonly share: number
  readonly points: ReadonlyArray<Point>
}

export const curve = ({ memory }: Engine): Effect.Effect<Measured, CacheConfigError> =>
  Effect.suspend(() => {
    const { capacity, curve } = memory
    if (curve === undefined) {
      return Effect.fail(
        new CacheConfigError({ message: "The curve of Cached.stats needs a layer with the option curve: true" })
      )
    }
    const { distances } = curve
    return Effect.succeed({ capacity, reads: distances.reads, share: distances.share, points: distances.points() })
  })
