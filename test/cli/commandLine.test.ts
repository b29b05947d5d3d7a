/** The command `effect-cached`, run in this process: its function, with the output of the process. */
import { describe, expect, it, vi } from "@effect/vitest"
import { Effect, Layer, Redacted, Schema, Stream } from "effect"
import { Cached, CacheKey, CacheLayer, type Caching } from "effect-cached"
import { Serializer } from "effect-cached/adapters"
import { FilesStore } from "effect-cached/files"
import * as Compressed from "effect-cached/serializers/Compressed"
import { Csv } from "effect-cached/serializers/Csv"
import * as Encrypted from "effect-cached/serializers/Encrypted"
import { Json } from "effect-cached/serializers/Json"
import { SqliteStore } from "effect-cached/sqlite"
import * as fs from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { outputs } from "../../src/cli/schema.ts"
import { singly } from "../../src/testing/internal/singly.ts"
import { folders, jsonLines, layerOf, seed, User } from "../support/command.ts"
import { command } from "../support/commandHere.ts"
import { type Asked, key, listen, make, refuse } from "../support/s3.ts"
import { storeFrom } from "../support/storeFrom.ts"

const folder = folders()

const fits = (name: keyof ReturnType<typeof outputs>, given: unknown): void => {
  const schema = outputs()[name] as Schema.Codec<unknown, unknown>
  Schema.decodeUnknownSync(schema, { onExcessProperty: "error" })(given)
}

/** All files of a folder except those that SQLite adds for every connection, with their sizes and times. */
const state = (directory: string): ReadonlyArray<string> =>
  fs.globSync("**/*.*", { cwd: directory }).filter((file) => !/-(shm|wal)$/.test(file)).toSorted().map((file) => {
    const { mtimeMs, size } = fs.statSync(join(directory, file))
    return `${file} ${size} ${mtimeMs}`
  })

describe("effect-cached", { timeout: 120_000 }, () => {
  it.each(["disk", "files"] as const)("reads a cache of %s, and leaves it as it is", async (layer) => {
    const cwd = folder()
    await seed(join(cwd, "cache"), layer)
    const before = state(cwd)
    const ls = jsonLines((await command(["ls", "./cache", "--json"], { cwd })).stdout)
    expect(ls.map(({ id }) => id).toSorted()).toEqual(["user:1", "user:2", expect.stringMatching(/^~User@/)])
    for (const line of ls) fits("ls", line)
    const show = JSON.parse((await command(["show", "./cache", "user:1", "--json"], { cwd })).stdout)
    expect(show.value).toEqual({ name: "Ada", roles: ["admin"] })
    fits("show", show)
    const stats = JSON.parse((await command(["stats", "./cache", "--json"], { cwd })).stdout)
    expect(stats).toMatchObject({ entries: 3, states: { fresh: 3 } })
    fits("stats", stats)
    const verify = JSON.parse((await command(["verify", "./cache", "--json"], { cwd })).stdout)
    expect(verify).toEqual({ entries: 3, damaged: [] })
    fits("verify", verify)
    for (const line of jsonLines((await command(["export", "./cache"], { cwd })).stdout)) fits("export", line)
    expect(state(cwd)).toEqual(before)
  })

  it("creates nothing where there is no cache", async () => {
    const cwd = folder()
    fs.mkdirSync(join(cwd, "empty"))
    const reading = ["ls", "show", "stats", "verify", "export", "rm"]
    for (
      const [i, cache] of ["./none", "disk:./none", "files:./none", "./empty", "disk:./empty", "files:./empty"]
        .entries()
    ) {
      for (const name of [reading[i]!, reading[(i + 2) % 6]!]) {
        const { status, stderr } = await command([name, cache, ...name === "show" || name === "rm" ? ["a"] : []], {
          cwd
        })
        // A URL may name a cache that a program has yet to create, so it is no wrong usage.
        expect([cache, status]).toEqual([cache, cache.startsWith("./") ? 2 : 1])
        expect(stderr).toMatch(/there is no (cache|folder)/i)
      }
    }
    expect(fs.readdirSync(cwd)).toEqual(["empty"])
    expect(fs.readdirSync(join(cwd, "empty"))).toEqual([])
  })

  it("answers a wrong usage with a sentence and exit code 2", async () => {
    const cwd = folder()
    await seed(join(cwd, "cache"))
    const wrong = [
      ["lss", "./cache"],
      ["ls"],
      ["ls", "./cache", "--jsn"],
      ["ls", "./cache", "[z-a]"],
      ["ls", "memory:"],
      ["ls", "dsk:./cache"],
      ["ls", "disk:./cache?capcity=3"],
      ["rm", "./cache"],
      ["rm", "./cache", "user:1"],
      ["invalidate", "./cache", "--tag", "users"],
      ["show", "./cache", "user:1", "--key", "secret"],
      ["import", "./cache", "./nothing.ndjson"],
      ["import", "./cache", "."],
      ["migrate", "./cache", "./cache"],
      ["migrate", "./cache", `disk:${cwd}/cache/?maxSize=1GiB`],
      ["migrate", "redis://localhost?prefix=a", "redis://localhost?prefix=a"]
    ]
    for (const args of wrong) {
      const { status, stderr, stdout } = await command(args, { cwd })
      expect([args, status, stdout]).toEqual([args, 2, ""])
      expect(stderr).toMatch(/^effect-cached: .{10}/)
    }
    // As of a variable that is not set.
    expect((await command(["ls", ""], { cwd })).stderr).toBe(
      "effect-cached: The cache has no name: give a folder, like ./cache, or a URL, like redis://localhost\n"
    )
    expect((await command(["ls", "~/cache"], { cwd })).stderr).toBe(
      "effect-cached: Only a shell knows \"~/cache\" as the home folder: leave the quotes out\n"
    )
    expect(jsonLines((await command(["ls", "./cache", "--json"], { cwd })).stdout)).toHaveLength(3)
  })

  it("removes the chosen entries, and says when there are none", async () => {
    const cwd = folder()
    await seed(join(cwd, "cache"))
    const dry = await command(["rm", "./cache", "--pattern", "user:*", "--dry-run", "--json"], { cwd })
    expect(JSON.parse(dry.stdout)).toEqual({ count: 2, ids: ["user:1", "user:2"], dryRun: true })
    const said = await command(["rm", "./cache", "user:1", "none", "--dry-run"], { cwd })
    expect([said.status, said.stdout]).toEqual([3, "Would remove 1 entry from ./cache\n  user:1\n"])
    expect((await command(["show", "./cache", "user:1"], { cwd })).status).toBe(0)
    const done = await command(["rm", "./cache", "user:1", "user:1", "--yes", "--json"], { cwd })
    expect(done.status).toBe(3)
    expect(JSON.parse(done.stdout)).toEqual({ count: 1, ids: ["user:1"], dryRun: false })
    fits("rm", JSON.parse(done.stdout))
    expect((await command(["show", "./cache", "user:1"], { cwd })).status).toBe(3)
    expect((await command(["rm", "./cache", "--all", "--yes"], { cwd })).stdout).toBe("Removed 2 entries\n")
    expect((await command(["ls", "./cache", "--json"], { cwd })).stdout).toBe("")
  })

  it("removes all counters with --all, also where there are no entries", async () => {
    const cwd = folder()
    const visits = (program: Effect.Effect<number, unknown, Caching.Caching>) =>
      Effect.runPromise(Effect.provide(program, layerOf("disk", join(cwd, "cache"))))
    await visits(Cached.counter("visits").increment())
    expect((await command(["rm", "./cache", "--all"], { cwd })).status).toBe(2)
    const dry = await command(["rm", "./cache", "--all", "--dry-run"], { cwd })
    expect([dry.status, dry.stdout]).toEqual([0, "Would remove 0 entries and all counters from ./cache\n"])
    expect(await visits(Cached.counter("visits").get)).toBe(1)
    expect((await command(["rm", "./cache", "--all", "--yes"], { cwd })).status).toBe(0)
    expect(await visits(Cached.counter("visits").get)).toBe(0)
  })

  it("invalidates by key, tag, class and pattern, and softly", async () => {
    const cwd = folder()
    const states = async () =>
      jsonLines((await command(["ls", "./cache", "--all", "--json"], { cwd })).stdout)
        .map(({ id, state }) => `${id.replace(/@.*/, "")} ${state}`).toSorted()
    await seed(join(cwd, "cache"))
    const soft = await command([
      "invalidate",
      "./cache",
      "--class",
      "User",
      "--key",
      "user:1",
      "--soft",
      "--yes",
      "--json"
    ], { cwd })
    fits("invalidate", JSON.parse(soft.stdout))
    expect(await states()).toEqual(["user:1 stale", "user:2 fresh", "~User stale"])
    const listed = jsonLines((await command(["ls", "./cache", "--json"], { cwd })).stdout)
    const { id } = listed.find(({ id }) => id.startsWith("~User"))!
    expect((await command(["show", "./cache", id], { cwd })).stdout).toMatch(/^tags .* \(invalidated softly\)/m)
    await command(["invalidate", "./cache", "--tag", "users", "--pattern", "*:2", "--yes"], { cwd })
    expect(await states()).toEqual(["user:1 stale", "~User invalidated"])
    await command(["invalidate", "./cache", "--key", "user:1", "--yes"], { cwd })
    expect(await states()).toEqual(["~User invalidated"])
  })

  it("counts by group: what is before the first colon, or the name of a key class", async () => {
    const cwd = folder()
    await seed(join(cwd, "cache"))
    await Effect.andThen(Cached.set("ada@example.com:1", 1), Cached.set("x".repeat(2000), 1)).pipe(
      Effect.provide(layerOf("disk", join(cwd, "cache"))),
      Effect.runPromise
    )
    const stats = JSON.parse((await command(["stats", "./cache", "--json"], { cwd })).stdout)
    expect(Object.keys(stats.groups).toSorted()).toEqual(["ada@example.com", "user", "~#", "~User"])
  })

  it("aligns its tables by the columns of a terminal, of which a sign may take two", async () => {
    const cwd = folder()
    await Cached.setMany([["日本語:1", 1], ["abcdef:1", 1]]).pipe(
      Effect.provide(layerOf("disk", join(cwd, "cache"))),
      Effect.runPromise
    )
    const { stdout } = await command(["stats", "./cache"], { cwd })
    const [wide, narrow] = ["日本語", "abcdef"].map((id) =>
      stdout.split("\n").find((line) => line.startsWith(id))!.slice(id.length)
    )
    expect(wide).toBe(narrow)
  })

  it("exports what an import and a migration restore, with its tags", async () => {
    const cwd = folder()
    await seed(join(cwd, "cache"), "disk", Json)
    const reads = (directory: string, layer: "disk" | "files") =>
      Effect.gen(function*() {
        const all = [yield* Cached.getOption("user:1"), yield* Cached.getOption(new User({ id: 1 }))].map(
          (option) => option._tag
        )
        yield* Cached.invalidate({ tag: "users" })
        return [...all, yield* Cached.has(new User({ id: 1 }))]
      }).pipe(
        Effect.provide(layerOf(layer, directory)),
        Effect.provideService(Serializer.Serializer, Json),
        Effect.runPromise
      )
    const { stdout } = await command(["export", "./cache"], { cwd })
    for (const target of ["disk:./copy", "disk:./copy", "files:./readable"]) {
      const ran = await command(["import", target, "--json"], { cwd, input: stdout })
      expect(JSON.parse(ran.stdout)).toMatchObject({ read: 3, written: 3 })
      fits("import", JSON.parse(ran.stdout))
    }
    const kept = await command(["import", "./copy", "--keep", "--json"], { cwd, input: stdout })
    expect(JSON.parse(kept.stdout)).toMatchObject({ read: 3, written: 0, kept: 3 })
    const migrated = await command(["migrate", "./cache", "files:./moved", "--json"], { cwd })
    fits("migrate", JSON.parse(migrated.stdout))
    expect(await reads(join(cwd, "copy"), "disk")).toEqual(["Some", "Some", false])
    expect(await reads(join(cwd, "readable"), "files")).toEqual(["Some", "Some", false])
    expect(await reads(join(cwd, "moved"), "files")).toEqual(["Some", "Some", false])
  })

  it("imports all that an export prints, also the entry with the empty id, and after a byte order mark", async () => {
    const cwd = folder()
    const ids = ["", "a", "b:1", "\ufeff", " "]
    const program = Cached.setMany(ids.map((id) => [id, `value of ${id}`] as const), { ttl: "1 hour" })
    await Effect.runPromise(program.pipe(Effect.provide(layerOf("disk", join(cwd, "cache")))))
    const { stdout } = await command(["export", "./cache"], { cwd })
    expect(jsonLines(stdout).map(({ id }) => id)).toContain("")
    fs.writeFileSync(join(cwd, "marked.ndjson"), `\ufeff${stdout}`)
    for (
      const [target, file, input] of [
        ["disk:./plain", "-", stdout],
        ["files:./marked", "-", `\ufeff${stdout}`],
        ["disk:./file", "marked.ndjson", ""]
      ] as const
    ) {
      const { stdout: said } = await command(["import", target, file, "--json"], { cwd, input })
      expect([target, JSON.parse(said)]).toMatchObject([target, { read: 5, written: 5 }])
      const again = await command(["export", target], { cwd })
      expect(new Set(jsonLines(again.stdout))).toEqual(new Set(jsonLines(stdout)))
    }
  })

  it("says in the help of rm when other programs notice a removal", async () => {
    const log = vi.spyOn(console, "log").mockImplementation(() => {})
    await command(["rm", "--help"], { cwd: folder() })
    const help = log.mock.calls.join("\n").replaceAll(/\s+/g, " ")
    log.mockRestore()
    expect(help).toContain("where the storage reports no changes, as in files and buckets")
    expect(help).not.toContain("at once")
  })

  it("does not copy what was invalidated, and keeps what is stale stale", async () => {
    const cwd = folder()
    await seed(join(cwd, "cache"))
    await command(["invalidate", "./cache", "--tag", "users", "--soft", "--yes"], { cwd })
    await command(["migrate", "./cache", "disk:./stale"], { cwd })
    const stale = jsonLines((await command(["ls", "./stale", "~*", "--json"], { cwd })).stdout)
    expect(stale.map(({ state }) => state)).toEqual(["stale"])
    await command(["invalidate", "./cache", "--tag", "users", "--yes"], { cwd })
    await command(["migrate", "./cache", "disk:./hard"], { cwd })
    expect((await command(["ls", "./hard", "~*", "--json"], { cwd })).stdout).toBe("")
  })

  it("stops an import at a line that is no entry, and names it", async () => {
    const cwd = folder()
    await seed(join(cwd, "cache"))
    const lines = (await command(["export", "./cache"], { cwd })).stdout.trim().split("\n")
    const [line] = lines as [string]
    const wrongs = [
      "{",
      "{}",
      "null",
      "[1]",
      line.slice(0, 50),
      `${line.slice(0, -1)},"meta":{}}`,
      line.replace(/"writeId":("\w+")/, `"writeId":[$1]`),
      line.replace(/"base64":"\w{4}/, `"base64":"????`),
      line.replace(/"base64":"\w/, `"base64":"`)
    ]
    expect(new Set([line, ...wrongs]).size).toBe(10)
    for (const wrong of wrongs) {
      const { status, stderr } = await command(["import", "disk:./copy"], { cwd, input: `${lines[0]}\n${wrong}` })
      expect([wrong, status]).toEqual([wrong, 1])
      expect(stderr).toContain("Line 2 ")
    }
    expect(jsonLines((await command(["ls", "./copy", "--json"], { cwd })).stdout)).toHaveLength(1)
  })

  it("writes the results that depend on others, too, if a later line is no entry", async () => {
    const cwd = folder()
    await seed(join(cwd, "cache"))
    const [line] = jsonLines((await command(["export", "./cache", "user:1"], { cwd })).stdout)
    const derived = {
      ...line,
      id: "derived",
      meta: { ...line.meta, tags: [{ tag: "~=user:1", version: "0".repeat(24) }] }
    }
    const input = `${JSON.stringify(derived)}\n${JSON.stringify(line)}\n{\n`
    const { status, stderr } = await command(["import", "disk:./copy"], { cwd, input })
    expect([status, stderr]).toEqual([1, expect.stringContaining("The lines before it were imported")])
    const copied = jsonLines((await command(["ls", "./copy", "--json"], { cwd })).stdout)
    expect(copied.map(({ id, state }) => `${id} ${state}`).toSorted()).toEqual(["derived fresh", "user:1 fresh"])
  })

  it("shows times that no calendar has", async () => {
    const cwd = folder()
    await seed(join(cwd, "cache"))
    const [line] = jsonLines((await command(["export", "./cache", "user:1"], { cwd })).stdout)
    const input = JSON.stringify({ ...line, meta: { ...line.meta, expiresAt: 1e300 } })
    await command(["import", "disk:./copy"], { cwd, input })
    const { status, stdout } = await command(["show", "./copy", "user:1"], { cwd })
    expect([status, stdout]).toEqual([0, expect.stringContaining("1e+300")])
  })

  it("shows compressed and encrypted values, the latter only with their key, and never a secret", async () => {
    const cwd = folder()
    const secret = "kJ0vD3X1lqgq0iE5xkQh1E3h4m7yFZ9uQm1r0n8b2cs="
    const serializer = Encrypted.make(Compressed.make(Json), { keys: { may: Redacted.make(secret) }, current: "may" })
    const value = { text: "abc".repeat(1000) }
    const write = (directory: string, serializer: Serializer.Serializer) =>
      Cached.set("a", value).pipe(
        Effect.provide(CacheLayer.disk({ directory: join(cwd, directory) })),
        Effect.provideService(Serializer.Serializer, serializer),
        Effect.runPromise
      )
    await write("compressed", Compressed.make(Json))
    await write("encrypted", serializer)
    expect(JSON.parse((await command(["show", "./compressed", "a", "--json"], { cwd })).stdout).value).toEqual(value)
    const locked = await command(["show", "./encrypted", "a"], { cwd })
    expect(locked.stdout).toContain("give its key with --key")
    expect(locked.stdout).not.toContain("abcabc")
    const env = { MAY: secret, OTHER: secret.replace("kJ", "Jk") }
    const opened = await command(["show", "./encrypted", "a", "--key", "may=MAY"], { cwd, env })
    expect(opened.stdout).toContain("abcabc")
    const wrong = [["may=OTHER"], [`may=${secret}`], [secret], ["may=PATH"]]
    for (const [key] of wrong) {
      const { stderr, stdout } = await command(["show", "./encrypted", "a", "--key", key!], { cwd, env })
      expect(stdout + stderr).not.toContain("abcabc")
      expect(stdout + stderr).not.toContain(secret.slice(0, 20))
    }
    const twice = await command(["show", "./encrypted", "a", "--key", "may=MAY", "--key", "may=OTHER"], { cwd, env })
    expect([twice.status, twice.stderr]).toEqual([2, expect.stringContaining(`names the key "may" twice`)])
    const copied = await command(["migrate", "./encrypted", "disk:./moved", "--json"], { cwd })
    expect(JSON.parse(copied.stdout)).toMatchObject({ written: 1, sealed: 0 })
  })

  it("copies the pages of a stream into files with the extensions of their content", async () => {
    class Rows extends CacheKey.Class<Rows>()("Rows", { success: Schema.Struct({ n: Schema.Int }) }) {}
    const cwd = folder()
    const extensions: Array<ReadonlyArray<string>> = []
    for (const serializer of [Csv, Json]) {
      const directory = `./${serializer.name}`
      let runs = 0
      const rows = Stream.suspend(() => (runs++, Stream.make({ n: 1 }, { n: 2 }))).pipe(
        Cached.stream(new Rows(), { ttl: "1 hour" }),
        Stream.runCollect
      )
      const read = (copied: boolean) =>
        Effect.runPromise(Effect.provide(
          rows,
          copied
            ? CacheLayer.files({ directory: join(cwd, `${directory}-files`), serializer })
            : Layer.provide(
              CacheLayer.disk({ directory: join(cwd, directory) }),
              Layer.succeed(Serializer.Serializer, serializer)
            )
        ))
      await read(false)
      expect((await command(["migrate", directory, `files:${directory}-files`], { cwd })).status).toBe(0)
      const files = fs.readdirSync(join(cwd, `${directory}-files`))
      extensions.push(files.flatMap((file) => /~[0-9a-f]{12}(\.(?!meta).*)$/.exec(file)?.[1] ?? []).sort())
      expect([await read(true), runs]).toEqual([[{ n: 1 }, { n: 2 }], 1])
    }
    expect(extensions).toEqual([[".csv", ".json"], [".bin", ".json"]])
  })

  it("escapes hostile ids and values", async () => {
    const cwd = folder()
    const ids = [
      "\u001b[2J\u001b[31mred",
      "a\nfresh  1 B  forged",
      "\u202eright-to-left",
      "\u009b31m",
      "x".repeat(10_000),
      "\u0000"
    ]
    await Effect.gen(function*() {
      const store = yield* storeFrom(SqliteStore.layer({ directory: join(cwd, "cache") }))
      for (const id of ids) {
        const meta = { createdAt: 0, softExpiresAt: Infinity, expiresAt: Infinity, loadMillis: 0 }
        const rest = { outcome: "success", tags: [], writeId: "0".repeat(32), serializer: 1 } as const
        yield* singly(store).set(id, {
          meta: { ...meta, ...rest },
          payload: new TextEncoder().encode(JSON.stringify(id))
        })
      }
    }).pipe(Effect.scoped, Effect.runPromise)
    for (const args of [["ls"], ["ls", "--json"], ["stats"], ["verify"], ["export"], ["rm", "--all", "--dry-run"]]) {
      const { stdout } = await command([args[0]!, "./cache", ...args.slice(1)], { cwd })
      expect(stdout.replaceAll("\n", "")).not.toMatch(/\p{Cc}|\p{Cf}/u)
    }
    const { stdout } = await command(["ls", "./cache"], { cwd })
    expect(stdout.trim().split("\n")).toHaveLength(ids.length + 1)
    const ls = jsonLines((await command(["ls", "./cache", "--json"], { cwd })).stdout)
    expect(ls.map(({ id }) => id).toSorted()).toEqual(ids.toSorted())
    for (const id of ids.slice(0, 4)) {
      const shown = await command(["show", "./cache", id], { cwd })
      expect(shown.status).toBe(0)
      expect(shown.stdout.replaceAll("\n", "")).not.toMatch(/\p{Cc}|\p{Cf}/u)
    }
    const copied = await command(["import", "disk:./copy"], {
      cwd,
      input: (await command(["export", "./cache"], { cwd })).stdout
    })
    expect(copied.stdout).toBe(`Wrote 6 entries of 6 entries\n`)
  })

  it("names damaged entries, exports the others, and does not replace a damaged database", async () => {
    const cwd = folder()
    await seed(join(cwd, "cache"))
    await seed(join(cwd, "files"), "files")
    const [file] = fs.globSync("cache/cache.v*.db", { cwd })
    const database = new DatabaseSync(join(cwd, file!))
    database.exec("UPDATE entry SET frame = zeroblob(length(frame)) WHERE id = 'user:2'")
    database.close()
    const value = fs.globSync("files/user=2~*.json", { cwd }).find((name) => !name.endsWith(".meta.json"))
    fs.writeFileSync(join(cwd, value!), "{}")
    for (const cache of ["./cache", "./files"]) {
      const verify = await command(["verify", cache, "--json"], { cwd })
      expect([verify.status, JSON.parse(verify.stdout)]).toEqual([3, { entries: 3, damaged: ["user:2"] }])
      const told = await command(["verify", cache], { cwd })
      expect(told.stdout).toBe("damaged  user:2\nRead 3 entries, of which 1 is damaged\n")
      const exported = await command(["export", cache], { cwd })
      expect([exported.status, jsonLines(exported.stdout).length]).toEqual([3, 2])
      expect((await command(["show", cache, "user:2"], { cwd })).status).toBe(3)
      expect((await command(["rm", cache, "user:2", "--yes"], { cwd })).status).toBe(0)
    }
    const before = fs.readdirSync(join(cwd, "cache")).filter((name) => name.endsWith(".db"))
    fs.writeFileSync(join(cwd, file!), "not a database, but a text that is long enough to be read as one".repeat(100))
    for (const args of [["ls", "./cache"], ["verify", "./cache"], ["rm", "./cache", "--all", "--yes"]]) {
      const { status, stderr } = await command(args, { cwd })
      expect([args, status]).toEqual([args, 1])
      expect(stderr).toMatch(/^effect-cached: .*sqlite/)
    }
    expect(fs.readdirSync(join(cwd, "cache")).filter((name) => name.endsWith(".db"))).toEqual(before)
  })

  it("says that a folder belongs to another release", async () => {
    const cwd = folder()
    fs.mkdirSync(join(cwd, "cache"))
    new DatabaseSync(join(cwd, "cache/cache.v1.1.db")).close()
    const { status, stderr } = await command(["ls", "./cache"], { cwd })
    expect(status).toBe(1)
    expect(stderr).toMatch(/has format 1, and this release reads format \d/)
    expect(fs.readdirSync(join(cwd, "cache"))).toEqual(["cache.v1.1.db"])
  })

  it("looks into a bucket with a key that may only read, and writes with one that may", async () => {
    const cwd = folder()
    await seed(join(cwd, "cache"))
    const s3 = make()
    const server = await listen(s3)
    const cache =
      `s3://${s3.bucket}/shop?region=${s3.region}&endpoint=${server.endpoint}&credentials.accessKeyId=${key.accessKeyId}`
    const run = (...args: ReadonlyArray<string>) =>
      command(args, {
        cwd,
        env: { CACHE_CREDENTIALS_SECRET_ACCESS_KEY: key.secret, CACHE_CREDENTIALS_SESSION_TOKEN: "token" }
      })
    s3.keys.set(key.accessKeyId, `${key.secret}:token`)
    const mayOnlyRead = ({ method }: Asked) => method === "GET" ? undefined : refuse(403, "AccessDenied")
    try {
      for (const conditions of ["honoured", "ignored"] as const) {
        s3.objects.clear()
        s3.conditions = conditions
        s3.before = mayOnlyRead
        expect(await run("ls", cache, "--json")).toMatchObject({ status: 0, stdout: "", stderr: "" })
        s3.before = () => undefined
        expect(await run("migrate", "./cache", cache)).toMatchObject({ status: 0 })
        s3.before = mayOnlyRead
        const listed = await run("ls", cache, "user:*", "--json")
        expect([listed.status, jsonLines(listed.stdout).map(({ id }) => id).toSorted()]).toEqual([
          0,
          ["user:1", "user:2"]
        ])
        expect(JSON.parse((await run("show", cache, "user:1", "--json")).stdout).value).toMatchObject({ name: "Ada" })
        expect(JSON.parse((await run("stats", cache, "--json")).stdout)).toMatchObject({ entries: 3 })
        s3.before = () => undefined
        expect(await run("rm", cache, "user:1", "--yes")).toMatchObject({ status: 0 })
        expect((await run("show", cache, "user:1")).status).toBe(3)
      }
      const { status, stderr } = await command(["ls", cache], { cwd })
      expect([status, stderr]).toEqual([2, expect.stringContaining("CACHE_CREDENTIALS_SECRET_ACCESS_KEY")])
    } finally {
      await server.stop()
    }
  })

  it("reads beside a program that holds the write lock, and gives up a write", async () => {
    const cwd = folder()
    await seed(join(cwd, "cache"))
    const [file] = fs.globSync("cache/cache.v*.db", { cwd })
    const database = new DatabaseSync(join(cwd, file!))
    database.exec("BEGIN IMMEDIATE")
    try {
      expect((await command(["ls", "./cache"], { cwd })).status).toBe(0)
      const { status, stderr } = await command(["rm", "disk:./cache?storeTimeout=1s", "user:1", "--yes"], { cwd })
      expect(status).toBe(1)
      expect(stderr).toMatch(/^effect-cached: .*sqlite/)
    } finally {
      database.exec("ROLLBACK")
      database.close()
    }
    expect((await command(["show", "./cache", "user:1"], { cwd })).status).toBe(0)
  })

  it("does not evict without a limit in the URL", async () => {
    const cwd = folder()
    await Cached.setMany(Array.from({ length: 300 }, (_, i) => [`key:${i}`, "x".repeat(10_000)] as const)).pipe(
      Effect.provide(CacheLayer.disk({ directory: join(cwd, "cache"), maxSize: "100 MiB" })),
      Effect.runPromise
    )
    await command(["rm", "./cache", "key:0", "--yes"], { cwd })
    expect(jsonLines((await command(["ls", "./cache", "--json"], { cwd })).stdout)).toHaveLength(299)
  })

  it.each(["disk", "files"])("says that a copy has lost entries for which %s has no room", async (store) => {
    const cwd = folder()
    await Cached.setMany(Array.from({ length: 300 }, (_, i) => [`key:${i}`, "x".repeat(10_000)] as const)).pipe(
      Effect.provide(layerOf("disk", join(cwd, "cache"))),
      Effect.runPromise
    )
    const small = await command(["migrate", "./cache", `${store}:./small?maxSize=1MiB`, "--json"], { cwd })
    expect([small.status, small.stderr]).toEqual([3, expect.stringContaining("no room for all of them")])
    fits("migrate", JSON.parse(small.stdout))
    const whole = await command(["migrate", "./cache", `${store}:./whole`], { cwd })
    expect([whole.status, whole.stdout, whole.stderr]).toEqual([0, "Wrote 300 entries of 300 entries\n", ""])
  })
})

describe("an inspection of a folder", () => {
  it.live("reads files while the folder stays as it is", () =>
    Effect.gen(function*() {
      const directory = join(folder(), "files")
      yield* Effect.promise(() => seed(directory, "files"))
      const before = state(directory)
      const { get } = yield* FilesStore.inspect({ directory })
      expect((yield* get("user:1", ["users"])).entry?.meta.outcome).toBe("success")
      expect(state(directory)).toEqual(before)
      expect(fs.existsSync(join(directory, "CACHEDIR.TAG")) && fs.readFileSync(join(directory, "CACHEDIR.TAG"), "utf8"))
        .toContain("effect-cached")
    }))
})
