/** Caches that URLs and variables choose: what is read, what is refused, what is said, and what no message shows. */
import { describe, expect, it } from "@effect/vitest"
import { ConfigProvider, Duration, Effect, Exit, Layer, Logger, Redacted, Schema } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer, type Caching } from "effect-cached"
import { CacheConfig } from "effect-cached/config"
import * as fs from "node:fs"
import { join } from "node:path"
import { nested, variableOf } from "../../src/config/readings.ts"
import { schemes } from "../../src/config/schemes.ts"
import { sized, thirdOf } from "../support/everything.ts"
import { tempDirectory } from "../support/tempDirectory.ts"

const answer = Effect.sync(() => 42).pipe(Cached.ttl("answer", { ttl: "1 hour" }))

interface Line {
  readonly level: string
  readonly text: string
}

/** Runs an effect, and gives its outcome with the lines of the log. */
const logged = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const lines: Array<Line> = []
    const logger = Logger.make(({ logLevel, message }) => void lines.push({ level: logLevel, text: String(message) }))
    const exit = yield* Effect.exit(Effect.provide(self, Logger.layer([logger])))
    return { exit, lines }
  })

const build = <E>(layer: Layer.Layer<Caching.Caching, E>) => Effect.scoped(Layer.build(layer))

/** The message of the error that a layer fails with. */
const refusal = <E>(layer: Layer.Layer<Caching.Caching, E>) =>
  Effect.map(Effect.flip(build(layer)), (error) => {
    expect(error).toBeInstanceOf(CacheError.CacheConfigError)
    return (error as { readonly message: string }).message
  })

const withEnv = <A, E, R>(self: Effect.Effect<A, E, R>, env: Record<string, string>) =>
  Effect.provide(self, ConfigProvider.layer(ConfigProvider.fromEnv({ env })))

describe("fromUrl", () => {
  it.effect("makes the cache that the URL names", () =>
    Effect.gen(function*() {
      const directory = yield* tempDirectory
      const urls = ["memory:", "memory://", `disk:${directory}/disk`, `files://${directory}/files?format=yaml`]
      for (const url of urls) {
        const layer = CacheConfig.fromUrl(url)
        expect(yield* Effect.provide(answer, layer), url).toBe(42)
        const again = Effect.die("loaded again").pipe(Cached.ttl("answer", { ttl: "1 hour" }))
        const outlives = !url.startsWith("memory")
        expect(Exit.isSuccess(yield* Effect.exit(Effect.provide(again, layer))), url).toBe(outlives)
      }
      expect(fs.readdirSync(join(directory, "files")).some((file) => file.endsWith(".yaml"))).toBe(true)
    }))

  it.effect("disabled: caches nothing", () =>
    Effect.gen(function*() {
      let loads = 0
      const count = Effect.sync(() => ++loads).pipe(Cached.ttl("count", { ttl: "1 hour" }))
      expect(yield* Effect.provide(Effect.all([count, count]), CacheConfig.fromUrl("disabled:"))).toEqual([1, 2])
    }))

  it.effect("obeys the options of the URL, which override those of the program", () =>
    Effect.gen(function*() {
      const size = Effect.gen(function*() {
        for (let i = 0; i < 20; i++) yield* Cached.set(`key ${i}`, i, { ttl: "1 hour" })
        return yield* Cached.size
      })
      const sizeOf = (url: string, options?: CacheLayer.MemoryOptions) =>
        Effect.provide(size, CacheConfig.fromUrl(url, { options }))
      expect(yield* sizeOf("memory:?capacity=5")).toBe(5)
      expect(yield* sizeOf("memory:?capacity=5", { capacity: 7 })).toBe(5)
      expect(yield* sizeOf("memory:", { capacity: 7 })).toBe(7)
      expect(yield* sizeOf("memory:?maxWeight=1kB", { capacity: 7 })).toBeLessThan(7)
      expect(yield* sizeOf("memory:?capacity=5", { maxWeight: 1, weigher: () => 1 })).toBe(5)
      const strategy = { ttl: "1 hour" } as const
      const withStrategy = Effect.succeed(1).pipe(Cached.withStrategy("a"))
      const layer = CacheConfig.fromUrl("memory:?defaults.jitter=0.1", {
        options: { strategy, defaults: { copy: "freeze" } }
      })
      expect(yield* Effect.provide(withStrategy, layer)).toBe(1)
    }))

  it.live("takes secrets from the program, for the stores that have them", () =>
    Effect.gen(function*() {
      const secret = Redacted.make("hunter2")
      const options = {
        password: secret,
        credentials: { accessKeyId: "another", secretAccessKey: secret, sessionToken: secret }
      }
      for (const url of ["memory:", `disk:${yield* tempDirectory}`, "disabled:"]) {
        expect(yield* Effect.provide(answer, CacheConfig.fromUrl(url, { options }))).toBe(42)
      }
      // Nothing listens on this port.
      const bucket = "s3://bucket?region=eu&credentials.accessKeyId=me&endpoint=http://127.0.0.1:1"
      expect(yield* refusal(CacheConfig.fromUrl(bucket))).toContain("secretAccessKey")
      for (const url of [bucket, "redis://127.0.0.1:1?connect=required", "postgres://me@127.0.0.1:1/shop"]) {
        expect(yield* Effect.flip(build(CacheConfig.fromUrl(url, { options }))), url).toBeInstanceOf(
          CacheError.StoreError
        )
      }
    }))

  it.effect("compresses the chosen format, or the one that the program provides", () =>
    Effect.gen(function*() {
      class Text extends CacheKey.Class<Text>()("Text", { payload: {}, success: Schema.String }) {}
      const directory = yield* tempDirectory
      const long = Effect.succeed("long ".repeat(1000)).pipe(Cached.ttl(new Text({}), { ttl: "1 hour" }))
      for (const query of ["compress=gzip", "compress=gzip&format=json", "format=json"]) {
        const folder = join(directory, query)
        yield* Effect.provide(long, CacheConfig.fromUrl(`files:${folder.replaceAll("%", "%25")}?${query}`))
        const file = fs.readdirSync(folder).find((name) => name.startsWith("Text") && !name.includes(".meta."))
        expect(file).toMatch(query.includes("compress") ? /\.json\.gz$/ : /\.json$/)
        expect(fs.statSync(join(folder, file!)).size < 500).toBe(query.includes("compress"))
      }
    }))

  it.effect("knows the schemes of the program", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const mine = (url: string) => {
        seen.push(url)
        return CacheLayer.memory()
      }
      expect(yield* Effect.provide(answer, CacheConfig.fromUrl("mine://place?x=1", { schemes: { mine } }))).toBe(42)
      expect(seen).toEqual(["mine://place?x=1"])
      const nothing = { mine: () => undefined as never }
      expect(yield* refusal(CacheConfig.fromUrl("mine:", { schemes: nothing })))
        .toBe("The scheme \"mine\" must return a layer, like CacheLayer.memory()")
      expect(yield* refusal(CacheConfig.fromUrl("mime://place", { schemes: { mine } }))).toContain(
        "did you mean \"mine\""
      )
    }))

  it.effect("fails with a message that lists what is known", () =>
    Effect.gen(function*() {
      const cases: ReadonlyArray<readonly [url: string, message: string]> = [
        ["", "The URL of the cache must begin with a scheme, like memory: or disk:./cache"],
        ["./cache", "The URL of the cache must begin with a scheme, like memory: or disk:./cache"],
        ["C:\\cache", "The URL of the cache begins with one letter and a colon. For a folder, write disk:C:\\cache"],
        [
          "redsi://localhost",
          "The URL of the cache has an unknown scheme \"redsi\": did you mean \"redis\"? Use one of memory, disk, files, s3, " +
          "postgres, postgresql, redis, rediss, redis+cluster, rediss+cluster, redis+sentinel, rediss+sentinel, disabled. If the scheme is " +
          "the program's own, pass a function that makes its layer: { schemes: { name: (url) => layer } }"
        ],
        ["memory:?capacity=many", "The option \"capacity\" in the URL must be a whole number above 0, like 50000"],
        ["memory:?capacity=0", "The option \"capacity\" in the URL must be a whole number above 0, like 50000"],
        ["memory:?refresh.timeout=soon", "The option \"refresh.timeout\" in the URL must be a duration, like 90s"],
        ["memory:?strategy=ttl", "The option \"strategy\" cannot be in a URL: the program sets it, as one of options"],
        ["memory:?capacity=5&capacity=6", "The URL of the cache has the option \"capacity\" twice"],
        ["memory:#a", "The URL of the cache contains a #, which has no meaning there: write it as %23"],
        ["memory:somewhere", "The URL of a cache in memory must be memory:, with its options after a ?"],
        ["memory://host", "The URL of a cache in memory must be memory:, with its options after a ?"],
        ["disabled:?capacity=5", "The URL of the cache has no option \"capacity\": leave it out"],
        [
          "disk:",
          "The URL of the cache needs a folder: disk:./cache, relative to the working directory, or disk:/var/cache"
        ],
        [
          "files://host/folder",
          "The URL of the cache needs a folder: files:./cache, relative to the working directory, or files:/var/cache"
        ],
        ["disk:./100%", "The URL of the cache has a % in its path that begins no code: write it as %25"],
        ["redis:host", "The URL of the cache needs the address of a server: redis://user@host:6379/0"],
        [
          "redis://user:a?capacity=5@host:6379",
          "The URL of the cache has an @ after the host: write it as %40. In a user or password, write / as %2F and ? as %3F"
        ],
        [
          "redis+cluster://a,b/3",
          "The URL of a cluster must end after its hosts: redis+cluster://host1:6379,host2:6379"
        ],
        [
          "redis+sentinel://a,b",
          "The URL of Sentinels must name the master in its path, and nothing else: " +
          "redis+sentinel://host1:26379,host2:26379/master"
        ],
        [
          "redis+sentinel://a,b/main/0",
          "The URL of Sentinels must name the master in its path, and nothing else: " +
          "redis+sentinel://host1:26379,host2:26379/master"
        ],
        ...["redis+cluster://u:p@a,u:p@b", "rediss+sentinel://u:p@a,u:p@b/main"].map((
          url
        ): readonly [string, string] => [
          url,
          "The URL of the cache has several @: name the user once, before the first host, and write an @ of a password as %40"
        ]),
        [
          "disk:~/cache",
          "The URL of the cache has a ~, which only a shell replaces: write the path of the home folder, or disk:./~"
        ],
        [
          "postgres://user:100%@host/shop",
          "The URL of the cache has a % in its password that begins no code: write it as %25"
        ],
        [
          "memory:?defaults.fallbackOn=TimeoutError,",
          "The option \"defaults.fallbackOn\" in the URL must be names, separated by commas, or \"all\", like TimeoutError,HttpError"
        ],
        [
          "redis://host?password=hidden",
          "The option \"password\" is a secret: use the variable CACHE_PASSWORD, not the URL"
        ]
      ]
      for (const [url, message] of cases) expect(yield* refusal(CacheConfig.fromUrl(url))).toBe(message)
      expect(yield* refusal(CacheConfig.fromUrl("memory:?capcity=5"))).toContain(
        "The URL of the cache has no option \"capcity\": did you mean \"capacity\"? Use one of capacity, maxWeight, eviction"
      )
      // A layer checks its options as always.
      expect(yield* refusal(CacheConfig.fromUrl("disk:./x?maxSize=1kB"))).toContain("CacheLayer.disk")
    }))

  it("checks what the program passes, at once", () => {
    const refused = (run: () => unknown): string => {
      try {
        run()
      } catch (error) {
        return (error as Error).message
      }
      return "nothing"
    }
    expect(refused(() => CacheConfig.fromUrl(undefined as never))).toContain("needs a URL as text")
    expect(refused(() => CacheConfig.fromUrl("memory:", { capacity: 5 } as never))).toContain("no option \"capacity\"")
    expect(refused(() => CacheConfig.fromUrl("memory:", { schemes: { redis: () => CacheLayer.memory() } })))
      .toBe("The scheme \"redis\" of CacheConfig.fromUrl exists already: name it otherwise")
    expect(refused(() => CacheConfig.fromUrl("memory:", { schemes: { My: () => CacheLayer.memory() } })))
      .toContain("lower-case")
    expect(refused(() => CacheConfig.fromUrl("memory:", { schemes: { my: CacheLayer.memory() as never } })))
      .toContain("must be a function")
    expect(refused(() => CacheConfig.layer("CACHE_", { default: "memory:" }))).toContain("like \"CACHE\" for CACHE_URL")
    expect(refused(() => CacheConfig.layer("CACHE", {} as never))).toContain("needs a default")
  })
})

describe("a password in a URL", () => {
  const warning = "The URL of the cache contains a password, and text of URLs is easily shown: "

  it.effect("is reported once, without it, unless the URL is redacted", () =>
    Effect.gen(function*() {
      // Nothing listens on this port.
      const url = "redis://user:hunter2@127.0.0.1:1/0"
      const plain = yield* logged(build(CacheConfig.fromUrl(url)))
      const warnings = plain.lines.filter(({ text }) => text.startsWith(warning))
      expect(warnings).toEqual([{ level: "Warn", text: `${warning}pass the URL as Redacted.make(url)` }])
      const redacted = yield* logged(build(CacheConfig.fromUrl(Redacted.make(url))))
      expect(redacted.lines.filter(({ text }) => text.startsWith(warning))).toEqual([])
      const variable = yield* logged(
        withEnv(build(CacheConfig.layer("CACHE", { default: "memory:" })), { CACHE_URL: url })
      )
      expect(variable.lines.filter(({ text }) => text.startsWith(warning))).toEqual([
        { level: "Warn", text: `${warning}move the password to the variable CACHE_PASSWORD` }
      ])
      expect(JSON.stringify([plain, redacted, variable])).not.toContain("hunter2")
    }))

  const secret = "Hunter2Secret"
  const Piece = Schema.Union([
    Schema.Literals([":", "/", "?", "#", "@", "%", "&", "=", "//", "+", ",", " ", "é", "\0", "[", "]"]),
    Schema.Literals(Object.keys(schemes)),
    Schema.Literals([
      "host",
      "6379",
      "0",
      "capacity",
      "maxSize",
      "1GiB",
      "format",
      "yaml",
      "prefix",
      "..",
      "__proto__"
    ]),
    Schema.String.check(Schema.isMaxLength(5))
  ])
  const Pieces = Schema.Array(Piece).check(Schema.isMaxLength(8))
  const Scheme = Schema.Literals([
    ...Object.keys(schemes).filter((name) => name.startsWith("redis")),
    "redsi",
    "memory"
  ])
  const Host = Schema.Literals(["host.invalid:1", "127.0.0.1:1,127.0.0.1:2", "[::1]:1"])

  // Building a cache takes no server: nothing listens on these ports.
  it.effect.prop(
    "is in no message, whatever the URL is",
    [Scheme, Pieces, Host, Pieces],
    ([scheme, before, host, after]) =>
      Effect.gen(function*() {
        const url = `${scheme}://user:${before.join("")}${secret}@${host}${after.join("")}`
        const { exit, lines } = yield* logged(build(CacheConfig.fromUrl(url)))
        expect(JSON.stringify([exit, lines, Exit.isFailure(exit) ? String(exit.cause) : ""])).not.toContain(secret)
        expect(Exit.hasDies(exit)).toBe(false)
      }),
    { arbitrary: { runs: sized(300, 100) } }
  )

  it.effect.prop(
    "and no URL is a defect",
    [Pieces],
    ([pieces]) =>
      Effect.gen(function*() {
        const url = pieces.join("")
        // Folders are not made: their URLs are those of the first test.
        if (/^\s*(disk|files):/i.test(url)) return
        const exit = yield* Effect.exit(build(CacheConfig.fromUrl(url)))
        expect(Exit.hasDies(exit)).toBe(false)
      }),
    { arbitrary: { runs: sized(1000, 300) } }
  )
})

describe("every option of every scheme", () => {
  const rows = Object.entries(schemes).flatMap(([scheme, { form, options }]) =>
    Array.from(options).flatMap(([option, reading]) =>
      reading === "code" ? [] : [{ form: form.replace(/^[^:]*/, scheme), option, reading, scheme }]
    )
  )

  it("is one of many", () => expect(rows.length).toBeGreaterThan(150))

  it.effect("is read from a URL, and refused if it is wrong", () =>
    Effect.gen(function*() {
      const directory = yield* tempDirectory
      for (const { form, option, reading, scheme } of thirdOf(rows)) {
        const at = form.replace(/host(1|2)?:\d+/g, "127.0.0.1:1").replace("./cache", `${directory}/${scheme}`)
        const url = `${at}?${option}=${encodeURIComponent(reading.example)}`
        if (reading.isSecret) {
          expect(yield* refusal(CacheConfig.fromUrl(url))).toBe(
            `The option "${option}" is a secret: use the variable CACHE_${variableOf(option)}, not the URL`
          )
          continue
        }
        const exit = yield* Effect.exit(build(CacheConfig.fromUrl(url)))
        // A database must be there when its layer is built, and a Redis only if the option says so.
        const isUnreachable = Exit.isFailure(exit) && (option === "connect" || scheme.startsWith("postgres")) &&
          String(exit.cause).includes("ECONNREFUSED")
        // The key of a bucket has a secret, which no URL has.
        const isLocked = Exit.isFailure(exit) && scheme === "s3" && /ccessKey/.test(String(exit.cause))
        expect(Exit.isSuccess(exit) || isUnreachable || isLocked, `${url} ${String(exit)}`).toBe(true)
        if (reading.read("?!") === undefined) {
          expect(yield* refusal(CacheConfig.fromUrl(`${at}?${option}=%3F!`)))
            .toBe(
              `The option "${option}" in the URL must be ${reading.form.replaceAll("`", "\"")}, like ${reading.example}`
            )
        }
      }
    }))

  it("has the value that the program would pass", () => {
    const read = new Map(rows.map(({ option, reading }) => [option, reading.read]))
    const cases: ReadonlyArray<readonly [option: string, text: string, value: unknown]> = [
      ["capacity", "10000", 10_000],
      ["capacity", "1e4", undefined],
      ["capacity", "-1", undefined],
      ["maxWeight", "100MB", 100_000_000],
      ["maxWeight", "100 MiB", 100 * 2 ** 20],
      ["maxWeight", "0", undefined],
      ["maxSize", "1048576", 2 ** 20],
      ["maxSize", "large", undefined],
      ["eviction", "lru", "lru"],
      ["eviction", "toString", undefined],
      ["curve", "1", true],
      ["curve", "FALSE", false],
      ["curve", "", undefined],
      ["inherit", "changes", "changes"],
      ["inherit", "false", false],
      ["lease", "90", undefined],
      ["lease", "1m30s", Duration.seconds(90)],
      ["lease", "90 seconds", Duration.seconds(90)],
      ["lease", "", undefined],
      ["defaults.jitter", "0.1", 0.1],
      ["defaults.jitter", "1.5", undefined],
      ["defaults.fallbackOn", "A, B", ["A", "B"]],
      ["defaults.copy", "freeze", "freeze"],
      ["replicas", "0", 0],
      ["database", "1.5", undefined],
      ["prefix", "shop", "shop"]
    ]
    for (const [option, text, value] of cases) expect(read.get(option)!(text), `${option}=${text}`).toEqual(value)
    expect(Redacted.value(read.get("password")!("a b") as Redacted.Redacted)).toBe("a b")
  })

  it("becomes the option of the layer that has its name", () => {
    expect(nested(new Map<string, unknown>([["capacity", 5], ["refresh.timeout", 1], ["refresh.concurrency", 2]])))
      .toEqual({ capacity: 5, refresh: { timeout: 1, concurrency: 2 } })
    const variables = new Set(rows.map(({ option }) => variableOf(option)))
    expect(variables.size).toBe(new Set(rows.map(({ option }) => option)).size)
    expect(variables.has("REFRESH_TIMEOUT") && variables.has("MAX_SIZE")).toBe(true)
  })
})

interface Schemes {
  readonly [scheme: string]: () => Layer.Layer<Caching.Caching>
}

describe("layer", () => {
  type Options = Parameters<typeof CacheConfig.layer<string | Layer.Layer<Caching.Caching>, Schemes>>[1]
  const memory = (options?: Partial<Options>) => CacheConfig.layer("CACHE", { default: "memory:", ...options })

  const sizeAfter = Effect.gen(function*() {
    for (let i = 0; i < 20; i++) yield* Cached.set(`key ${i}`, i, { ttl: "1 hour" })
    return yield* Cached.size
  })

  it.effect("reads the URL and each option from a variable, which overrides the URL", () =>
    Effect.gen(function*() {
      const sizeWith = (env: Record<string, string>) => withEnv(Effect.provide(sizeAfter, memory()), env)
      expect(yield* sizeWith({ CACHE_URL: "memory:?capacity=5" })).toBe(5)
      expect(yield* sizeWith({ CACHE_URL: "memory:", CACHE_CAPACITY: "6" })).toBe(6)
      expect(yield* sizeWith({ CACHE_URL: "memory:?capacity=5", CACHE_CAPACITY: "6" })).toBe(6)
      // The default is a URL too, so it has the same variables.
      expect(yield* sizeWith({ CACHE_CAPACITY: "7" })).toBe(7)
      expect(yield* sizeWith({ CACHE_CAPACITY: " ", CACHE_URL: "memory:?capacity=5" })).toBe(5)
      expect(yield* sizeWith({ CACHE_CAPACITY: "6\n", CACHE_URL: " memory:\n" })).toBe(6)
    }))

  it.effect("reads other sources than the environment", () =>
    Effect.gen(function*() {
      const provider = ConfigProvider.fromUnknown({ CACHE: { URL: "memory:", CAPACITY: 4 } })
      expect(yield* Effect.provide(sizeAfter, memory()).pipe(Effect.provide(ConfigProvider.layer(provider)))).toBe(4)
      const flat = ConfigProvider.fromUnknown({ CACHE_URL: "memory:", CACHE_CAPACITY: 3 })
      expect(yield* Effect.provide(sizeAfter, memory()).pipe(Effect.provide(ConfigProvider.layer(flat)))).toBe(3)
      const misspelled = ConfigProvider.layer(ConfigProvider.fromUnknown({ CACHE_CAPCITY: "3" }))
      expect(yield* Effect.provide(refusal(memory()), misspelled)).toContain("did you mean CACHE_CAPACITY?")
      const broken = ConfigProvider.make(() => Effect.fail(new ConfigProvider.SourceError({ message: "no source" })))
      const error = yield* Effect.flip(build(memory()).pipe(Effect.provide(ConfigProvider.layer(broken))))
      expect(error._tag).toBe("ConfigError")
    }))

  it.effect("says which cache it has if there is no URL", () =>
    Effect.gen(function*() {
      const url = yield* logged(withEnv(build(memory()), { CACHE_URL: "" }))
      expect(url.lines).toEqual([
        { level: "Info", text: "CACHE_URL is not set, so the cache is the default of the program, memory:" }
      ])
      const own = yield* logged(withEnv(build(memory({ default: CacheLayer.memory() })), { CACHE_CAPACITY: "5" }))
      expect(own.lines).toEqual([
        { level: "Info", text: "CACHE_URL is not set, so the cache is the default of the program" },
        { level: "Warn", text: "Without CACHE_URL, the cache ignores CACHE_CAPACITY" }
      ])
    }))

  it.effect("is disabled by CACHE_DISABLED", () =>
    Effect.gen(function*() {
      let loads = 0
      const count = Effect.sync(() => ++loads).pipe(Cached.ttl("count", { ttl: "1 hour" }))
      const twice = (env: Record<string, string>) => {
        loads = 0
        return withEnv(Effect.provide(Effect.all([count, count]), memory()), env)
      }
      for (const text of ["1", "true", "TRUE"]) expect(yield* twice({ CACHE_DISABLED: text })).toEqual([1, 2])
      for (const text of ["0", "false", ""]) expect(yield* twice({ CACHE_DISABLED: text })).toEqual([1, 1])
      const { exit, lines } = yield* logged(
        withEnv(build(memory()), { CACHE_DISABLED: "1", CACHE_URL: "redis://host", CACHE_PREFIX: "shop" })
      )
      expect(Exit.isSuccess(exit)).toBe(true)
      expect(lines).toEqual([{ level: "Info", text: "CACHE_DISABLED is set, so nothing is cached" }])
      const noWrites = yield* logged(
        withEnv(Effect.provide(Effect.andThen(count, Cached.size), memory()), { CACHE_DISABLED: "set, clear" })
      )
      expect(noWrites.exit).toEqual(Exit.succeed(0))
      expect(noWrites.lines[0]!.text).toBe("CACHE_DISABLED is set, so the cache has no set, clear")
      expect(yield* withEnv(refusal(memory()), { CACHE_DISABLED: "perhaps" }))
        .toBe("CACHE_DISABLED must be true, false, or some of get, set, remove, invalidate, clear")
    }))

  it.effect("names the variable that is wrong, misspelled or not needed", () =>
    Effect.gen(function*() {
      expect(yield* withEnv(refusal(memory()), { CACHE_CAPACITY: "many" }))
        .toBe("CACHE_CAPACITY must be a whole number above 0, like 50000")
      expect(yield* withEnv(refusal(memory()), { CACHE_REFRESH_TIMEOUT: "soon" }))
        .toBe("CACHE_REFRESH_TIMEOUT must be a duration, like 90s")
      expect(yield* withEnv(refusal(memory()), { CACHE_MAXSIZE: "1GiB" }))
        .toBe("CACHE_MAXSIZE is not a variable of the cache: did you mean CACHE_MAX_SIZE?")
      // Kubernetes sets these for a service with the name `cache`.
      const foreign = { CACHE_PORT_6379_TCP: "tcp://10.0.0.1:6379", CACHE_SERVICE_HOST: "10.0.0.1", CACHE_PORT: "6379" }
      const { exit, lines } = yield* logged(
        withEnv(build(memory()), { ...foreign, CACHE_URL: "memory:", CACHE_MAX_SIZE: "1GiB", CACHE_PASSWORD: "hidden" })
      )
      expect(Exit.isSuccess(exit)).toBe(true)
      expect(lines).toEqual([{
        level: "Warn",
        text: "A cache with a URL of the scheme \"memory\" ignores CACHE_MAX_SIZE, CACHE_PASSWORD"
      }])
      const schemes = { my: () => CacheLayer.memory() }
      const own = yield* logged(withEnv(build(memory({ schemes })), { CACHE_URL: "my:", CACHE_CAPACITY: "5" }))
      expect(own.lines.map(({ text }) => text)).toEqual([
        "A cache with a URL of the scheme \"my\" ignores CACHE_CAPACITY"
      ])
    }))
})
