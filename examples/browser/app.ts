/** The page: reads through a cache in the browser, and says where each answer came from. */
import { Effect, Layer, ManagedRuntime, Schema } from "effect"
import { Cached, CacheKey, CacheLayer } from "effect-cached"
import { IndexedDbStore } from "effect-cached/indexedDb"

const Report = Schema.Struct({ celsius: Schema.Finite, text: Schema.String })

class Weather extends CacheKey.Class<Weather>()("Weather", {
  payload: { city: Schema.String },
  success: Report
}) {}

class Away extends Schema.TaggedError<Away>()("Away", {}) {}

const weather = Cached.fn(Weather, ({ city }) =>
  Effect.tryPromise({
    try: async (signal) => {
      const response = await fetch(`/weather/${city}`, { signal })
      if (!response.ok) throw new Error(`the server answered ${response.status}`)
      return Schema.decodeUnknownSync(Report)(await response.json())
    },
    catch: () => new Away()
  }), {
  // Fresh for five seconds, then requested again; for a day it replaces a failed request.
  strategy: "softTtl",
  ttl: "1 day",
  softTtl: "5 seconds",
  retryAfter: "2 seconds",
  fallbackOn: ["Away"]
})

const stored = CacheLayer.layer().pipe(Layer.provide(IndexedDbStore.layer({ name: "example" })))
const runtime = ManagedRuntime.make(Layer.catch(stored, () => CacheLayer.memory()))

const words = {
  load: ["the server", "fresh"],
  joined: ["a load under way", "fresh"],
  memory: ["memory", "kept"],
  store: ["this browser's database", "kept"],
  stale: ["an old copy: no answer", "stale"],
  fallback: ["an old copy: no answer", "stale"]
} as const

const ask = (city: string) =>
  Cached.detect(weather({ city })).pipe(
    Effect.map(([report, [read]]) => ({
      value: `${report.celsius} °C`,
      text: report.text,
      from: words[read!.source],
      age: read!.ageMillis
    })),
    Effect.catch(() =>
      Effect.succeed({
        value: "–",
        text: "nothing is known",
        from: ["nothing: there is no answer", "gone"] as const,
        age: 0
      })
    )
  )

const ageOf = (millis: number): string => millis < 1000 ? "just now" : `${Math.round(millis / 1000)} s ago`

const show = (
  card: Element,
  { age, from: [place, kind], text, value }: Effect.Success<ReturnType<typeof ask>>
): void => {
  card.className = `card ${kind}`
  card.querySelector(".value")!.textContent = value
  card.querySelector(".text")!.textContent = text
  card.querySelector(".from")!.textContent = `from ${place}`
  card.querySelector(".age")!.textContent = kind === "gone" ? "" : ageOf(age)
}

const cards = document.querySelectorAll(".card")

const readAll = Effect.forEach(Array.from(cards), (card) => {
  const started = performance.now()
  return Effect.map(ask(card.getAttribute("data-city")!), (answer) => {
    show(card, answer)
    card.querySelector(".took")!.textContent = `${Math.round(performance.now() - started)} ms`
  })
}, { concurrency: "unbounded", discard: true })

const forgetAll = Effect.forEach(
  cards,
  (card) => Cached.invalidate(weather.key({ city: card.getAttribute("data-city")! }))
)

const on = (
  id: string,
  effect: Effect.Effect<unknown, unknown, ManagedRuntime.ManagedRuntime.Services<typeof runtime>>
) => {
  const button = document.querySelector<HTMLButtonElement>(`#${id}`)!
  button.addEventListener("click", async () => {
    button.disabled = true
    await runtime.runPromise(Effect.ignore(effect))
    button.disabled = false
  })
}

on("read", readAll)
on("forget", forgetAll)
on(
  "server",
  Effect.promise(async () => {
    const { isAway } = await (await fetch("/switch", { method: "POST" })).json() as { readonly isAway: boolean }
    document.body.classList.toggle("away", isAway)
  })
)

await runtime.runPromise(readAll)
