/** `CacheConfig.profiles`: profiles of key classes from variables and files. */
import { describe, expect, it } from "@effect/vitest"
import { ConfigProvider, Effect, Layer, Logger, Option, Schema, Stream } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer } from "effect-cached"
import { Store } from "effect-cached/adapters"
import * as CacheProfiles from "effect-cached/CacheProfiles"
import { CacheConfig } from "effect-cached/config"
import { MemoryStore } from "effect-cached/memory"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { randomOf } from "../support/random.ts"
import { tempDirectory } from "../support/tempDirectory.ts"

const fields = { payload: { id: Schema.Int }, success: Schema.Number }
class Weather extends CacheKey.Class<Weather>()("Weather", fields) {}
class UserPage extends CacheKey.Class<UserPage>()("user/Page", fields) {}

const classes = [Weather, UserPage]

const from = (provider: ConfigProvider.ConfigProvider) =>
  CacheLayer.memory().pipe(
    CacheConfig.profiles("CACHE_PROFILES", { classes, profiles: { Weather: { ttl: "1 hour", jitter: 0 } } }),
    Layer.provide(ConfigProvider.layer(provider))
  )

const ofEnv = (env: Record<string, string>) => from(ConfigProvider.fromEnv({ env }))

const current = (env: Record<string, string>) => Effect.provide(CacheProfiles.current, ofEnv(env))

const refusal = (env: Record<string, string>) =>
  Effect.map(Effect.flip(current(env)), (error) => {
    expect(error).toBeInstanceOf(CacheError.CacheConfigError)
    return error.message
  })

const json = JSON.stringify({
  Weather: { ttl: "10 minutes" },
  "user/Page": { softTtl: "90s", ttl: "1h", inherit: false }
})

describe("profiles", () => {
  it.effect("each option has a variable, which overrides the program", () =>
    Effect.gen(function*() {
      expect(yield* current({})).toEqual({ Weather: { ttl: "1 hour", jitter: 0 } })
      const env = {
        CACHE_PROFILES_WEATHER_TTL: "10 minutes",
        CACHE_PROFILES_WEATHER_SOFT_TTL: " 90s ",
        CACHE_PROFILES_WEATHER_IDLE: "  ",
        CACHE_PROFILES_USER_PAGE_REFRESH_AFTER: "30s",
        CACHE_PROFILES_USER_PAGE_JITTER: "0.5",
        CACHE_PROFILES_USER_PAGE_INHERIT: "false",
        OTHER_PROFILES_WEATHER_TTL: "1s"
      }
      const profiles = yield* current(env)
      expect(profiles).toMatchObject({
        Weather: { jitter: 0 },
        "user/Page": { jitter: 0.5, inherit: false }
      })
      expect(Object.keys(profiles["Weather"]!).toSorted()).toEqual(["jitter", "softTtl", "ttl"])
      const read = Effect.succeed(1).pipe(
        Cached.softTtl(new Weather({ id: 1 }), { ttl: "1 day", softTtl: "1 hour" }),
        Effect.andThen(Effect.map(Cached.getEntry(new Weather({ id: 1 })), Option.getOrThrow))
      )
      expect(yield* Effect.provide(read, ofEnv(env))).toMatchObject({ softExpiresAt: 90_000, expiresAt: 600_000 })
    }))

  it.effect("all are JSON in one variable, or in a file, and single variables override it", () =>
    Effect.gen(function*() {
      const directory = yield* tempDirectory
      const file = join(directory, "profiles.json")
      writeFileSync(file, `${json}\n`)
      const ofWindows = join(directory, "windows.json")
      writeFileSync(ofWindows, `\uFEFF${json}\r\n`)
      for (const text of [json, `  ${json}\n`, file, ofWindows]) {
        const profiles = yield* current({ CACHE_PROFILES: text, CACHE_PROFILES_WEATHER_JITTER: "0.25" })
        expect(profiles).toMatchObject({ Weather: { jitter: 0.25 }, "user/Page": { inherit: false } })
        const overridden = yield* current({ CACHE_PROFILES: text, CACHE_PROFILES_USER_PAGE_INHERIT: "life" })
        expect(overridden).toMatchObject({ "user/Page": { inherit: "life" } })
        const life = Effect.succeed(1).pipe(
          Cached.ttl(new Weather({ id: 1 }), { ttl: "1 day", inherit: false }),
          Effect.andThen(Effect.map(Cached.getEntry(new Weather({ id: 1 })), Option.getOrThrow))
        )
        const { expiresAt } = yield* Effect.provide(life, ofEnv({ CACHE_PROFILES: text }))
        expect(expiresAt).toBe(600_000)
      }
    }))

  it.effect("are read from other sources than the environment", () =>
    Effect.gen(function*() {
      const objects = [
        { CACHE_PROFILES: { Weather: { softTtl: "90s", ttl: "1h" } } },
        { CACHE: { PROFILES: { WEATHER: { SOFT: { TTL: "90s" } } } } },
        { CACHE_PROFILES: json },
        { CACHE_PROFILES_WEATHER_SOFT_TTL: "90s" }
      ]
      const given = yield* Effect.forEach(objects, (object) =>
        Effect.provide(CacheProfiles.current, from(ConfigProvider.fromUnknown(object))))
      expect(given.map((profiles) =>
        Object.keys(profiles["Weather"]!).toSorted().join(" ")
      )).toEqual([
        "jitter softTtl ttl",
        "jitter softTtl ttl",
        "jitter ttl",
        "jitter softTtl ttl"
      ])
    }))

  it.effect("a format is the serializer of a class in a store", () =>
    Effect.gen(function*() {
      const store = MemoryStore.make()
      const env = { CACHE_PROFILES_WEATHER_FORMAT: "structured", CACHE_PROFILES_USER_PAGE_FORMAT: "json" }
      const cache = CacheLayer.layer({ memory: false }).pipe(
        Layer.provide(Layer.succeed(Store.Store, store)),
        CacheConfig.profiles("CACHE_PROFILES", { classes }),
        Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env })))
      )
      const program = Effect.forEach([new Weather({ id: 1 }), new UserPage({ id: 1 })], (key) =>
        Effect.andThen(Cached.set(key as Weather, 20), Cached.getOption(key as Weather)))
      expect(yield* Effect.provide(program, cache)).toEqual([Option.some(20), Option.some(20)])
      const ids = yield* Stream.runCollect(store.scan())
      const found = yield* store.getMany(ids.map(({ id }) =>
        id
      ))
      expect(new Set(found.map((entry) => entry!.meta.serializer)).size).toBe(2)
    }))

  it.effect("say in one line what they set", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const logger = Logger.make(({ message }) => void lines.push(String(message)))
      const env = { CACHE_PROFILES_WEATHER_TTL: "1m", CACHE_PROFILES_WEATHER_JITTER: "0.1" }
      yield* current(env).pipe(Effect.provide(Logger.layer([logger])))
      expect(lines).toEqual(["CACHE_PROFILES sets ttl, jitter of Weather"])
    }))

  it.effect("CacheConfig.layer leaves their variables alone", () =>
    Effect.gen(function*() {
      class Memory extends CacheKey.Class<Memory>()("Memory", fields) {}
      const env = { CACHE_URL: "memory:", CACHE_PROFILES_MEMORY_TTL: "1m" }
      const cache = CacheConfig.layer("CACHE", { default: "disabled:" }).pipe(
        CacheConfig.profiles("CACHE_PROFILES", { classes: [Memory] }),
        Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env })))
      )
      expect(Object.keys(yield* Effect.provide(CacheProfiles.current, cache))).toEqual(["Memory"])
    }))
})

describe("bad input", () => {
  it.effect("fails with what is known, and with no part of the values", () =>
    Effect.gen(function*() {
      expect(yield* refusal({ CACHE_PROFILES_WETHER_TTL: "1m" })).toBe(
        "CACHE_PROFILES_WETHER_TTL is not a variable of profiles: did you mean CACHE_PROFILES_WEATHER_TTL? Use one of " +
          "the classes WEATHER, USER_PAGE with TTL, SOFT_TTL, REFRESH_AFTER, IDLE, JITTER, INHERIT, FORMAT, COMPRESS"
      )
      expect(yield* refusal({ CACHE_PROFILES_WEATHER: "1m" })).toContain("is not a variable of profiles")
      expect(yield* refusal({ CACHE_PROFILES_WEATHER_TTL: "soon" })).toBe(
        "CACHE_PROFILES_WEATHER_TTL must be a duration, like 90s"
      )
      expect(yield* refusal({ CACHE_PROFILES_WEATHER_TTL: "0s" })).toContain("must be longer than 0")
      expect(yield* refusal({ CACHE_PROFILES_WEATHER_SOFT_TTL: "1h" })).toContain(
        "softTtl (3600000 ms) is as long as ttl"
      )
      expect(yield* refusal({ CACHE_PROFILES_WEATHER_JITTER: "2" })).toContain("a number from 0 to 1")
      expect(yield* refusal({ CACHE_PROFILES_WEATHER_INHERIT: "all" })).toContain("\"life\", \"changes\"")
      expect(yield* refusal({ CACHE_PROFILES_WEATHER_FORMAT: "xml" })).toContain("\"json\"")
      expect(yield* refusal({ CACHE_PROFILES_WEATHER_COMPRESS: "gzip" })).toContain("compress without format")
      const of = (value: unknown) => refusal({ CACHE_PROFILES: JSON.stringify(value) })
      expect(yield* of({ Wether: {} })).toBe(
        "CACHE_PROFILES has no class \"Wether\": did you mean \"Weather\"? Use one of Weather, user/Page"
      )
      expect(yield* of({ Weather: { tll: "1m" } })).toContain("CACHE_PROFILES has for \"Weather\" no option \"tll\"")
      expect(yield* of({ Weather: "1m" })).toContain("must have options for \"Weather\"")
      expect(yield* of({ Weather: { ttl: [1] } })).toContain("must be a text or a number")
      expect(yield* of({ Weather: { ttl: null } })).toContain("must be a text or a number")
      expect(yield* of({ Weather: { ttl: "soon" } })).toBe(
        "ttl of \"Weather\" in CACHE_PROFILES must be a duration, like 90s"
      )
      expect(yield* of({ Weather: JSON.parse("{\"__proto__\":{}}") })).toContain("no option \"__proto__\"")
      const broken = yield* refusal({ CACHE_PROFILES: "{\"Weather\": secret" })
      expect(broken).toContain("is not JSON of profiles")
      expect(broken).not.toContain("secret")
      expect(yield* refusal({ CACHE_PROFILES: "./no-such-file.json" })).toContain("(ENOENT)")
      expect(yield* refusal({ CACHE_PROFILES: "[]" })).toContain("(ENOENT)")
      expect(yield* refusal({ CACHE_PROFILES: "a\0b" })).toContain("no file could be read there")
    }))

  it.effect("a variable of two classes is refused", () =>
    Effect.gen(function*() {
      class User extends CacheKey.Class<User>()("User", fields) {}
      class UserSoft extends CacheKey.Class<UserSoft>()("User_Soft", fields) {}
      const cache = CacheLayer.memory().pipe(
        CacheConfig.profiles("P", { classes: [User, UserSoft] }),
        Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env: { P_USER_SOFT_TTL: "1m" } })))
      )
      const { message } = yield* Effect.flip(Effect.provide(CacheProfiles.current, cache))
      expect(message).toBe("P_USER_SOFT_TTL could be of \"User\" or \"User_Soft\": use JSON in P")
    }))

  it("of the program throws at once", () => {
    const profiles = (name: string, options: object) => () =>
      CacheConfig.profiles(CacheLayer.memory(), name, options as never)
    expect(profiles("", { classes })).toThrow("needs the name of its variable")
    expect(profiles("CACHE_", { classes })).toThrow("needs the name of its variable")
    expect(profiles("CACHE_PROFILES", { classes: [] })).toThrow("has no classes")
    expect(profiles("CACHE_PROFILES", { classes, profiles: { Weather: { ttl: "soon" } } })).toThrow("not a duration")
  })

  it.effect("no variable makes anything but profiles or a CacheConfigError", () =>
    Effect.gen(function*() {
      const random = randomOf(20)
      const pick = <A>(all: ReadonlyArray<A>): A => all[Math.floor(random() * all.length)]!
      const ends = [
        "",
        "_",
        "_WEATHER_TTL",
        "_WEATHER_FORMAT",
        "_USER_PAGE_SOFT_TTL",
        "_WEATHER",
        "__TTL",
        "_X_Y_Z",
        "_0"
      ]
      const texts = [
        "",
        " ",
        "1m",
        "0",
        "-1",
        "1e9",
        "Infinity",
        "{}",
        "[]",
        "null",
        "{\"a\":1}",
        json,
        "\0",
        "/",
        "🙂",
        "json"
      ]
      let refused = 0
      for (let i = 0; i < 500; i++) {
        const env = Object.fromEntries([1, 2].map(() => [`CACHE_PROFILES${pick(ends)}`, pick(texts)]))
        const exit = yield* Effect.exit(current(env))
        if (exit._tag === "Success") continue
        refused++
        const [reason] = exit.cause.reasons
        expect(reason?._tag, JSON.stringify(env)).toBe("Fail")
      }
      expect(refused).toBeGreaterThan(100)
      expect(refused).toBeLessThan(500)
    }))
})

it.effect("a read follows the variable, and the program does not change", () =>
  Effect.gen(function*() {
    let loads = 0
    const read = Cached.fn(Weather, () => Effect.sync(() => ++loads), { ttl: "1 day" })
    const { expiresAt } = yield* Effect.andThen(
      read({ id: 1 }),
      Effect.map(Cached.getEntry(new Weather({ id: 1 })), Option.getOrThrow)
    )
      .pipe(Effect.provide(ofEnv({ CACHE_PROFILES_WEATHER_TTL: "2m" })))
    expect(expiresAt).toBe(120_000)
  }))
