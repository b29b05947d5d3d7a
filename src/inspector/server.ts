/** Mounts the routes of an inspector on a router. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import * as Caching from "../Caching.ts"
import { inspector as limits } from "../internal/defaults/options.ts"
import { cacheOf, type Operation } from "../internal/engine/boundCache.ts"
import type { Engine } from "../internal/engine/engine.ts"
import * as Look from "../internal/engine/operations/look.ts"
import { Actor } from "../internal/engine/operations/removals.ts"
import * as Operations from "../internal/engine/operationTable.ts"
import * as Pending from "../internal/engine/storeTier/pendingInvalidations.ts"
import { mistake } from "../internal/options/options.ts"
import * as Tokens from "../internal/token.ts"
import * as Acts from "./acts.ts"
import * as Api from "./api.ts"
import * as Entries from "./entries.ts"
import { type Guard, guarded, open } from "./guard.ts"
import type { CommonOptions } from "./options.ts"
import { page } from "./page.ts"
import * as Recorder from "./recorder.ts"
import * as Streams from "./streams.ts"

interface Mounted {
  readonly path: `/${string}`
  readonly options: CommonOptions
  readonly guard: Guard
}

interface Server {
  readonly process: Api.Process
  readonly options: CommonOptions
  readonly recorder: Recorder.Recorder
  readonly outboxes: Streams.Outboxes
  readonly cursors: Entries.Cursors
  readonly turns: Semaphore.Semaphore
  readonly tokens: Tokens.Tokens
}

/** A cache made of several has several engines, and a disabled one has none. */
const enginesOf: Operation<[], ReadonlyArray<Engine>> = {
  over: (engine) => [engine],
  without: () => [],
  joined: (all: ReadonlyArray<ReadonlyArray<Engine>>) => all.flat()
}

/** The caches by name: the default one, if there is one, and those that are given. */
const cachesIn = (context: Context.Context<never>, { caches = [] }: CommonOptions) => {
  const main = Context.getOrUndefined(context as Context.Context<unknown>, Caching.Caching)
  const given = caches.map((key) => [key.key, Context.getUnsafe(context as Context.Context<any>, key)] as const)
  const names = new Set<string>()
  return [...main === undefined ? [] : [["default", main] as const], ...given].flatMap(([name, shape]) => {
    const cache = cacheOf(shape)
    const disabled = Look.disabledIn(cache.policy)
    return cache.perform(enginesOf).map((engine) => {
      const own = Look.nameOf(engine) ?? name
      let [unique, n] = [own, 1]
      while (names.has(unique)) unique = `${own} ${++n}`
      names.add(unique)
      return { name: unique, engine, disabled }
    })
  })
}

const hostName = Effect.promise(() => import("node:os").then(({ hostname }) => hostname(), () => "unknown"))

const make = (options: CommonOptions): Effect.Effect<Server, never, any> =>
  Effect.gen(function*() {
    const tokens = Tokens.make(yield* Tokens.Seed)
    const caches = cachesIn(yield* Effect.context<never>(), options)
    return {
      process: {
        id: tokens.next(8),
        host: yield* hostName,
        pid: globalThis.process?.pid ?? 0,
        startedAt: yield* Clock.currentTimeMillis
      },
      options,
      recorder: yield* Recorder.make(caches),
      outboxes: new Set(),
      cursors: new Map(),
      turns: Semaphore.makeUnsafe(1),
      tokens
    }
  })

const refused = (status: number, message: string) => Effect.fail({ _tag: "Refused", status, message } as never)

/** Refuses with the reason of a failure. */
const or = (status: number) => Effect.catch((why: string) => refused(status, why))

/** A pattern of the request may be invalid. */
const checked = <A>(make: () => A): Effect.Effect<A> =>
  Effect.try({ try: make, catch: (thrown) => (thrown as Error).message }).pipe(or(400))

const watched = ({ recorder }: Server, cache: number): Effect.Effect<Recorder.Watched> => {
  const found = recorder.caches[cache]
  return found === undefined ? refused(404, "There is no such cache") : Effect.succeed(found)
}

/** The cache of a request. `process`: whose numbers the reader has seen so far. */
interface Asked {
  readonly cache: number
  readonly process?: string | undefined
}

/** Runs a handler for a cache. Whoever asks for one looks. */
const on = <A>(
  self: Server,
  { cache, process }: Asked,
  use: (engine: Engine, now: number) => Effect.Effect<A, never, any>
): Effect.Effect<A, never, any> =>
  Effect.gen(function*() {
    if (process !== undefined && process !== self.process.id) {
      return yield* refused(409, "Another process answers now. Look at its numbers, and try again")
    }
    const { engine } = yield* watched(self, cache)
    yield* Recorder.look(self.recorder)
    return yield* use(engine, yield* Clock.currentTimeMillis)
  })

/** An answer, with what is in every one. */
const answered = <A extends object>(
  self: Server,
  asked: Asked,
  use: (engine: Engine, now: number) => Effect.Effect<A, never, any>
) => on(self, asked, (engine, at) => Effect.map(use(engine, at), (found) => ({ process: self.process, at, ...found })))

const overviewOf = (self: Server, from: number): Effect.Effect<Api.Overview> =>
  Effect.gen(function*() {
    const since = yield* Recorder.look(self.recorder)
    return {
      process: self.process,
      at: yield* Clock.currentTimeMillis,
      actor: yield* Actor,
      isReadOnly: self.options.readOnly === true,
      showsValues: self.options.values === true,
      since,
      caches: self.recorder.caches.map((watched) => Recorder.stateOf(watched, from))
    }
  })

const eventStream = <E>(bytes: Stream.Stream<Uint8Array, E>) =>
  HttpServerResponse.stream(bytes, {
    contentType: "text/event-stream",
    // Some proxies would otherwise collect the stream before they pass it on.
    headers: { "x-accel-buffering": "no" }
  })

const reads = (self: Server, api: typeof Api.ReadApi) =>
  HttpApiBuilder.group(api, "reads", (handlers) =>
    handlers.handleAll({
      overview: () => overviewOf(self, 0),
      entries: ({ payload }) =>
        answered(self, payload, (engine, now) =>
          Entries.page(self.cursors, engine, {
            cursor: payload.cursor,
            now,
            next: () => self.tokens.next(8)
          })
            .pipe(or(404))),
      store: ({ payload }) =>
        answered(self, payload, (engine, now) =>
          Effect.flatMap(
            checked(() => Entries.stored(engine, payload.pattern, now)),
            (found) =>
              found.pipe(
                Effect.mapError(({ message }) => message),
                or(503)
              )
          )),
      entry: ({ payload }) =>
        answered(self, payload, (engine) =>
          Effect.flatMap(or(404)(Entries.idShownAs(engine, payload.id)), (id) =>
            Entries.explained(engine, id, self.options))),
      curve: ({ payload }) =>
        answered(self, payload, (engine) =>
          Effect.map(
            engine.memory.curve === undefined ? Effect.succeed(null) : Effect.orDie(Operations.curve.over(engine)),
            (curve) => ({ curve })
          )),
      live: (({ payload }: { payload: { flights?: number; tail?: number } }) =>
        live(self, payload)) as never,
      pass: (({ payload }: { payload: Entries.Filter & Asked & { order: string } }) =>
        pass(self, payload)) as never
    }))

const live = (self: Server, { flights, tail }: { readonly flights?: number; readonly tail?: number }) =>
  Effect.gen(function*() {
    if (self.outboxes.size >= limits.streams) {
      return yield* refused(429, `There are ${limits.streams} streams already: close a page`)
    }
    const actor = yield* Actor
    return eventStream(Streams.live({
      outboxes: self.outboxes,
      flights: flights === undefined ? undefined : yield* watched(self, flights),
      tail: tail === undefined ? undefined : yield* watched(self, tail),
      // The stream is read after this has ended.
      overview: (from) => Effect.provideService(overviewOf(self, from), Actor, actor)
    }))
  })

const pass = (self: Server, asked: Entries.Filter & Asked & { readonly order: string }) =>
  on(self, asked, (engine) =>
    Effect.map(checked(() => Entries.matcher(engine, asked)), (matches) => {
      const passing = { process: self.process, matches, order: asked.order, turns: self.turns }
      return eventStream(Stream.map(Entries.pass(engine, passing), Streams.encode))
    }))

const acts = (self: Server, api: typeof Api.Api) =>
  HttpApiBuilder.group(
    api,
    "acts",
    (handlers) =>
      handlers.handle("act", ({ payload }) => answered(self, payload, (engine) => act(self, engine, payload)))
  )

const act = (self: Server, engine: Engine, { cache, mode, target }: Pick<Acts.Act, "mode" | "target"> & Asked) =>
  Effect.gen(function*() {
    const actor = yield* Actor
    const { disabled } = yield* watched(self, cache)
    const { count } = yield* Acts.perform(engine, { target, mode, actor, disabled }).pipe(or(400))
    const { storeTier: tier } = engine
    return { actor, count, pending: tier === undefined ? null : Pending.size(tier.pending) }
  })

/** The paths in use, by router. */
const mounted = new WeakMap<object, Set<string>>()

export const mount = ({ guard, options, path }: Mounted): Layer.Layer<never, never, any> =>
  Layer.unwrap(Effect.gen(function*() {
    const router = yield* HttpRouter.HttpRouter
    const paths = mounted.get(router) ?? new Set()
    mounted.set(router, paths)
    if (paths.has(path)) {
      return yield* Effect.die(
        mistake(
          `There are two inspectors at ${path} of one router: give one of them another path, or show both caches on one ` +
            "page with its option caches"
        )
      )
    }
    yield* Effect.acquireRelease(Effect.sync(() => paths.add(path)), () => Effect.sync(() => paths.delete(path)))
    const self = yield* make(options)
    const own = HttpRouter.HttpRouter.of({
      ...router,
      addAll: (routes) =>
        router.addAll(
          routes.map((route) => HttpRouter.route(route.method, route.path, guarded(guard, route.handler)))
        ) as never
    })
    // The router takes a slash at the end for the same path.
    yield* router.add("GET", path, open(guard, page))
    const prefix = `${path === "/" ? "" : path}/api` as const
    const readApi = Api.ReadApi.prefix(prefix) as unknown as typeof Api.ReadApi
    const wholeApi = Api.Api.prefix(prefix) as unknown as typeof Api.Api
    const api = options.readOnly === true
      ? Layer.provide(HttpApiBuilder.layer(readApi), reads(self, readApi) as Layer.Layer<any>)
      : Layer.provide(
        HttpApiBuilder.layer(wholeApi),
        Layer.mergeAll(reads(self, readApi), acts(self, wholeApi)) as Layer.Layer<any>
      )
    return Layer.provide(api, [Layer.succeed(HttpRouter.HttpRouter, own), HttpServer.layerServices]) as Layer.Layer<
      never
    >
  }))
