/** Registers series that exporters read. Nothing is updated per read, and all series leave together. */
import type * as Context from "effect/Context"
import * as Metric from "effect/Metric"
import type { Definition } from "./list.ts"

type Labels = { readonly [name: string]: string }

export interface Series {
  readonly counter: (definition: Definition, labels: Labels, read: () => number) => void
  readonly gauge: (definition: Definition, read: () => number) => void
  readonly histogram: (definition: Definition, labels: Labels, boundaries: ReadonlyArray<number>) => Histogram
  readonly remove: () => void
}

export const make = (context: Context.Context<never>, common: Labels): Series => {
  const registrations: Array<Metric.Registration> = []
  const register = <State>(metric: Metric.Metric<number, State>, get: () => State): void => {
    registrations.push(Metric.registerUnsafe(metric, context, { get, update: ignore, modify: ignore }))
  }
  const options = ({ help: description, unit }: Definition, labels: Labels) => ({
    description,
    attributes: { ...common, ...labels, unit }
  })
  return {
    counter: (definition, labels, read) =>
      register(
        Metric.counter(definition.name, { ...options(definition, labels), incremental: true }),
        () => ({ count: read(), incremental: true })
      ),
    gauge: (definition, read) =>
      register(Metric.gauge(definition.name, options(definition, {})), () => ({ value: read() })),
    histogram(definition, labels, boundaries) {
      const histogram = new Histogram(boundaries)
      register(
        Metric.histogram(definition.name, { ...options(definition, labels), boundaries }),
        () => histogram.state()
      )
      return histogram
    },
    remove() {
      for (const registration of registrations.splice(0)) registration.remove()
    }
  }
}

const ignore = () => {}

/** A histogram with fixed buckets, in seconds. */
export class Histogram {
  private readonly boundaries: ReadonlyArray<number>
  private readonly counts: Array<number>
  private count = 0
  private sum = 0
  private min = Infinity
  private max = 0

  constructor(boundaries: ReadonlyArray<number>) {
    this.boundaries = boundaries
    this.counts = boundaries.map(() => 0)
  }

  add(millis: number): void {
    const value = millis / 1000
    const { boundaries, counts } = this
    let bucket = 0
    while (bucket < boundaries.length && value > boundaries[bucket]!) bucket++
    if (bucket < boundaries.length) counts[bucket]!++
    this.count++
    this.sum += value
    if (value < this.min) this.min = value
    if (value > this.max) this.max = value
  }

  state(): Metric.HistogramState {
    let cumulated = 0
    const { count, max, min, sum } = this
    const buckets = this.boundaries.map((boundary, i): [number, number] => [boundary, cumulated += this.counts[i]!])
    return { buckets, count, sum, max, min: count === 0 ? 0 : min }
  }
}
