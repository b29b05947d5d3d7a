/**
 * The package as a user gets it: packed, unpacked in an empty project that has only what the package declares, and
 * run, type-checked and bundled there.
 */
import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { build as esbuild } from "esbuild"
import { execFile, execFileSync, spawnSync } from "node:child_process"
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join, relative, resolve } from "node:path"
import { rolldown, type RolldownOutput } from "rolldown"
import type { Block } from "../docs/blocks.ts"
import { publicModules } from "../docs/publicDocs.ts"
import { runBlocks } from "../docs/runBlocks.ts"
import { documented, pathOf, prepare, write } from "../docs/write.ts"
import { bundlers, measure } from "../proofs/size/measure.ts"
import { compared } from "../proofs/size/programs.ts"
import { seed } from "../support/command.ts"
import { isMissing, oldestNode } from "../support/needs.ts"
import { declaredPackages, link, unpackInto } from "../support/packed.ts"

const root = resolve(import.meta.dirname, "../..")
const project = realpathSync(mkdtempSync(join(tmpdir(), "effect-cached-pack-")))
const unpacked = join(project, "node_modules/effect-cached")
/** A project with `effect-cached` and `effect` alone. */
const bare = realpathSync(mkdtempSync(join(tmpdir(), "effect-cached-bare-")))

afterAll(() => [bare, project].forEach((folder) => rmSync(folder, { recursive: true, force: true })))

type Names = Readonly<Record<string, string>>

interface Manifest {
  readonly dependencies: Names
  readonly optionalDependencies: Names
  readonly peerDependencies: Names
  readonly engines: Names
  readonly version: string
  readonly scripts: Names
}

const folderOf = (name: string): string => name === "effect-cached" ? unpacked : join(root, "node_modules", name)

const manifestOf = (name: string): Manifest => ({
  ...{ dependencies: {}, optionalDependencies: {}, peerDependencies: {}, engines: {}, scripts: {}, version: "" },
  ...JSON.parse(readFileSync(join(folderOf(name), "package.json"), "utf8"))
})

/** Packages whose instances users pass to stores. The package itself does not depend on them. */
const ofUsers = ["keyv", "unstorage"]

const declared = declaredPackages()

beforeAll(() => {
  unpackInto(project)
  cpSync(unpacked, join(bare, "node_modules/effect-cached"), { recursive: true })
  cpSync(join(project, "package.json"), join(bare, "package.json"))
  link(bare, [...Object.keys(manifestOf("effect-cached").dependencies), "effect"])
  link(project, [...declared, ...ofUsers])
}, 300_000)

/** Modules that `exports` does not give to users: internal ones, and the parts of `effect-cached/testing`. */
const hidden = [
  "**/internal/**/*.ts",
  "{cached,cli,drivers,guard,layers,metrics,ports}/**/*.ts",
  "{bridges,config,explain,http,inspector,pipeline,testing}/!(index).ts",
  "{http,inspector}/*/**/*.ts"
]

const specifiers = [
  ...globSync("**/*.ts", { cwd: join(root, "src"), exclude: hidden }).map((file) => file.slice(0, -3)),
  ...globSync("*/index.ts", { cwd: join(root, "src/drivers") }).map((file) => dirname(file))
].toSorted().map((module) => `effect-cached/${module}`.replace(/\/index$/, ""))

/** The names that modules of the package have for each other: see "imports" of `package.json`. */
const namesInside = [
  ...new Set(
    globSync("src/**/*.ts", { cwd: root }).flatMap((file) =>
      Array.from(
        readFileSync(join(root, file), "utf8").matchAll(/(?:from |import\()"(#[^"]+)"/g),
        ([, specifier]) => specifier!
      )
    )
  )
].toSorted()

interface Ran {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a module in a project, under plain node: no condition, no flag. */
const run = (name: string, code: string, args: ReadonlyArray<string> = [], folder = project): Promise<Ran> => {
  writeFileSync(join(folder, name), code)
  const env = { ...process.env, NODE_OPTIONS: "", NODE_DISABLE_COMPILE_CACHE: "1" }
  return new Promise((done) =>
    execFile(
      process.execPath,
      [...args, name],
      { cwd: folder, env, timeout: 120_000 },
      (error, stdout, stderr) => done({ status: error === null ? 0 : 1, stdout, stderr })
    )
  )
}

/** The modules that an import of `specifier` resolves: URLs. */
const loaded = async (specifier: string): Promise<ReadonlyArray<string>> => {
  const trace = join(root, "test/pack/trace.mjs")
  const name = `trace-${specifier.replaceAll("/", "-")}.mjs`
  const { status, stdout, stderr } = await run(name, `import "${specifier}"`, ["--import", trace])
  expect(stderr).toBe("")
  expect(status).toBe(0)
  return stdout.split("\n").filter((url) => !url.endsWith(name))
}

/** Compares a row of a table with the one in a page that begins with the same cell, or writes it there. */
const documentedRow = (page: URL, cells: ReadonlyArray<string>): void => {
  const text = readFileSync(page, "utf8")
  const former = text.split("\n").find((line) => line.startsWith(`| ${cells[0]} |`))
  const row = `| ${cells.join(" | ")} |`
  expect(former).toBeDefined()
  if (process.env["UPDATE_DOCS"] === "1") writeFileSync(page, text.replace(former!, row))
  else expect(former).toBe(row)
}

/** Whether a block imports no package but `effect` and this one. */
const needsEffectAlone = ({ code }: Block): boolean =>
  !/(?:from|import\() *"(?!effect(?:-cached)?["/]|node:|\.)/.test(code)

const packageOf = (url: string): string => /^file:.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1] ?? url

describe.concurrent("the packed package", { timeout: 300_000 }, () => {
  it("holds what a user needs, and nothing else", () => {
    const files = readdirSync(unpacked, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
      .map((entry) => relative(unpacked, join(entry.parentPath, entry.name)).replaceAll("\\", "/"))
    expect(files.filter((file) => !file.includes("/")).toSorted())
      .toEqual(["AGENTS.md", "CHANGELOG.md", "LICENSE", "README.md", "SECURITY.md", "llms.txt", "package.json"])
    expect(files).toContain("dist/index.js")
    const expected =
      /^(dist\/.*\.(js|d\.ts)|docs\/(?!maintaining).*\.md|docs\/images\/.*\.(svg|png)|monitoring\/(grafana\.json|alerts\.yml))$/
    expect(files.filter((file) => file.includes("/") && !expected.test(file))).toEqual([])
    expect(files.length).toBeLessThanOrEqual(500)
    const bytes = files.reduce((sum, file) => sum + statSync(join(unpacked, file)).size, 0)
    expect(bytes).toBeLessThanOrEqual(5_000_000)
  })

  it("has its code in files that are named after modules", () => {
    const isOfModule = (file: string): boolean => {
      const source = join(root, file.replace("dist", "src").replace(/2?\.js$/, ".ts"))
      return existsSync(source) || existsSync(source.replace("/internal/", "/"))
    }
    const files = globSync("dist/**/*.js", { cwd: unpacked }).toSorted()
    expect(files.length).toBeGreaterThan(100)
    expect(files.filter((file) => !isOfModule(file))).toEqual([
      "dist/bin.js",
      "dist/internal/rolldown-runtime.js",
      "dist/internal/root.js"
    ])
  })

  it("has a file for each name that its modules have for each other, on every platform", () => {
    expect(namesInside.length).toBeGreaterThan(10)
    const inside = join(unpacked, "dist/names.mjs")
    const { imports } = JSON.parse(readFileSync(join(unpacked, "package.json"), "utf8")) as {
      readonly imports: { readonly [pattern: string]: { readonly default: string | { readonly default: string } } }
    }
    const missing = namesInside.filter((name) => {
      const [, folder, module] = /^(#\w+\/)(.+)$/.exec(name)!
      const target = (imports[name] ?? imports[`${folder}*`])!.default
      const file = typeof target === "string" ? target : target.default
      return !existsSync(join(unpacked, file.replace("*", module!)))
    })
    expect(missing).toEqual([])
    try {
      writeFileSync(inside, namesInside.map((name) => `await import(${JSON.stringify(name)})\n`).join(""))
      execFileSync(process.execPath, [inside], { cwd: unpacked })
    } finally {
      rmSync(inside)
    }
  })

  it("has every page and file that its pages link to", () => {
    const pages = globSync(["*.md", "llms.txt", "docs/**/*.md"], { cwd: unpacked })
    expect(pages.length).toBeGreaterThan(40)
    const links = pages.flatMap((page) => {
      const text = readFileSync(join(unpacked, page), "utf8").replaceAll(/^ *```[^]*?^ *```/gm, "")
      return Array.from(text.matchAll(/\]\(([^)#\s]+)/g), ([, link]) => [page, link!] as const)
    })
    expect(links.length).toBeGreaterThan(200)
    const broken = links.filter(([page, link]) =>
      !/^https?:/.test(link) && !existsSync(join(unpacked, dirname(page), link))
    )
    expect(broken).toEqual([])
  })

  it("runs where its README says that it does", () => {
    const { engines } = manifestOf("effect-cached")
    const readme = readFileSync(join(unpacked, "README.md"), "utf8")
    const said = Array.from(readme.matchAll(/Node (\d+(?:\.\d+)*)/g), ([, version]) => version)
    expect(new Set(said)).toEqual(new Set([engines["node"]!.replace(/^>=(\d+\.\d+)\.0$/, "$1")]))
  })

  it("is what its documentation says: every block runs, or names the packages that it needs", async () => {
    const complaintsOf = async (blocks: ReadonlyArray<Block>, folder: string) => {
      const target = write(blocks, "", join(folder, "blocks"))
      for (const block of blocks) expect(prepare(target, block)).toBe("")
      const paths = blocks.map((block) => pathOf(target, block))
      const ended = await runBlocks(paths, join(target, "report"), { runtime: [process.execPath], folder })
      expect(ended.size).toBe(paths.length)
      return blocks.flatMap((block) => {
        const { ok, said } = ended.get(pathOf(target, block))!
        return ok && said === "" ? [] : [{ block, said }]
      })
    }
    const runnable = documented.filter(({ mode }) => mode === "run")
    const demanding = await complaintsOf(runnable.filter(needsEffectAlone), bare)
    expect(demanding.filter(({ said }) => !/npm install \S/.test(said))).toEqual([])
    const others = runnable.filter((block) => !needsEffectAlone(block))
    expect(await complaintsOf([...demanding.map(({ block }) => block), ...others], project)).toEqual([])
    expect(demanding.length + others.length).toBeLessThan(runnable.length / 10)
  })

  it("brings nothing that is compiled, or that runs a script, when it is installed", () => {
    const installed = new Set(["effect-cached"])
    for (const name of installed) {
      const { dependencies, optionalDependencies } = manifestOf(name)
      for (const dependency of Object.keys({ ...dependencies, ...optionalDependencies })) installed.add(dependency)
    }
    expect([...installed]).toContain("@msgpack/msgpack")
    const scripts = [...installed].flatMap((name) =>
      Object.keys(manifestOf(name).scripts).map((script) => [name, script])
    )
    expect(scripts.filter(([, script]) => /^(pre|post)?install$/.test(script!))).toEqual([])
    for (const name of installed) expect(existsSync(join(folderOf(name), "binding.gyp"))).toBe(false)
  })

  for (const specifier of specifiers) {
    it(`${specifier} loads under plain node with effect alone, without a warning`, async () => {
      const code = `import * as module from "${specifier}"\nconsole.log(typeof module)`
      expect(await run(`load-${specifier.replaceAll("/", "-")}.mjs`, code, [], bare))
        .toEqual({ status: 0, stdout: "object\n", stderr: "" })
    })
  }

  it("its internals cannot be imported", async () => {
    const internals = globSync(hidden, { cwd: join(root, "src") }).map((file) => file.slice(0, -3))
    const program = `
      for (const internal of ${JSON.stringify(internals)}) {
        const outcome = await import("effect-cached/" + internal).then(() => "imported", (error) => error.code)
        if (outcome !== "ERR_PACKAGE_PATH_NOT_EXPORTED") console.log(internal, outcome)
      }
      console.log("all tried")
    `
    expect(internals.length).toBeGreaterThan(0)
    expect(await run("internals.mjs", program)).toEqual({ status: 0, stdout: "all tried\n", stderr: "" })
  })

  it("the root loads nothing of node, and only the packages it declares", async () => {
    const urls = await loaded("effect-cached")
    expect(urls.filter((url) => url.startsWith("node:"))).toEqual([])
    expect(urls.filter((url) => /\/dist\/(explain|testing)/.test(url))).toEqual([])
    const packages = [...new Set(urls.map(packageOf))]
    expect(packages).toContain("effect-cached")
    expect(packages.filter((name) => name !== "effect-cached" && !declared.includes(name))).toEqual([])
  })

  it("a start reads 43 of its files, and most of their code from one of them", async () => {
    const files = (await loaded("effect-cached")).filter((url) => packageOf(url) === "effect-cached")
    const sizes = files.map((url) => statSync(new URL(url)).size)
    expect(files).toHaveLength(43)
    expect(Math.max(...sizes)).toBeGreaterThan(0.8 * sizes.reduce((all, size) => all + size))
  })

  it("a layer imports its store when it is built", async () => {
    const program = `
      import { Effect } from "effect"
      import { Cached, CacheLayer } from "effect-cached"
      const cached = Effect.succeed("kept").pipe(Cached.ttl("a", { ttl: "1 minute" }))
      const layer = () => CacheLayer.disk({ directory: "cache" })
      await Effect.runPromise(Effect.provide(cached, layer()))
      const again = Effect.die("loaded again").pipe(Cached.ttl("a", { ttl: "1 minute" }))
      console.log(await Effect.runPromise(Effect.provide(again, layer())))
    `
    expect(await run("disk.mjs", program)).toEqual({ status: 0, stdout: "kept\n", stderr: "" })
  })
})

describe("the command of the packed package", { timeout: 300_000 }, () => {
  const { bin: { "effect-cached": bin }, engines } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    readonly bin: { readonly "effect-cached": string }
    readonly engines: { readonly node: string }
  }
  const oldest = engines.node.replace(">=", "v")

  describe.each([
    { node: process.execPath, version: process.version },
    { node: oldestNode, version: oldest }
  ])("under Node $version", ({ node, version }) => {
    it.skipIf(isMissing(node))("looks into a cache, copies and removes", async () => {
      const run = (...args: ReadonlyArray<string>) =>
        spawnSync(node, [join(unpacked, bin), ...args], {
          cwd: project,
          encoding: "utf8",
          env: { ...process.env, NODE_OPTIONS: "", NODE_DISABLE_COMPILE_CACHE: "1" }
        })
      const printed = (...args: ReadonlyArray<string>) => {
        const { status, stderr, stdout } = run(...args)
        expect([args, status, stderr]).toEqual([args, 0, ""])
        return stdout
      }
      const cache = `./commanded ${version}`
      await seed(join(project, cache))
      expect(spawnSync(node, ["--version"], { encoding: "utf8" }).stdout.trim()).toBe(version)
      expect(printed("ls", cache)).toMatch(/^STATE .*\n(fresh .*\n){3}$/)
      expect(printed("show", cache, "user:1")).toContain("{ name: 'Ada', roles: [ 'admin' ] }")
      expect(printed("stats", cache)).toContain("3")
      expect(printed("verify", cache)).toBe("Read 3 entries, of which none is damaged\n")
      writeFileSync(join(project, "exported.ndjson"), printed("export", cache))
      expect(printed("import", `disk:./imported ${version}`, "exported.ndjson")).toBe("Wrote 3 entries of 3 entries\n")
      expect(printed("migrate", cache, "files:./copied")).toBe("Wrote 3 entries of 3 entries\n")
      expect(printed("invalidate", cache, "--tag", "users", "--yes")).toContain("Invalidated")
      expect(printed("rm", "./copied", "--all", "--yes")).toBe("Removed 3 entries\n")
      expect(run("rm", cache, "--all").status).toBe(2)
      expect(printed("--version")).toContain(manifestOf("effect-cached").version)
    })
  })

  it("is one file, which brings what it needs of the platform package", () => {
    const text = readFileSync(join(unpacked, bin), "utf8")
    expect(text.startsWith("#!/usr/bin/env node\n")).toBe(true)
    const imported = Array.from(text.matchAll(/(?:^import .*from |^import |import\()"([^"]+)"/gm), ([, name]) => name!)
    const expected = /^(node:|effect\/|\.\/(config\/stores|inspector\/index|serializers\/\w+|CacheError)\.js$)/
    expect(imported.filter((name) => !expected.test(name))).toEqual([])
    expect(imported.length).toBeGreaterThan(20)
  })

  it("shows its help in 1.5 of the time of a process that imports effect/cli", () => {
    writeFileSync(join(project, "only-cli.mjs"), `import "effect/cli"`)
    // Time of the processor, because other processes of the machine prolong all else.
    const report = `process.on("exit", () => console.error(Object.values(process.cpuUsage()).reduce((a, b) => a + b)))`
    const millisOf = (args: ReadonlyArray<string>): number => {
      const env = { ...process.env, NODE_OPTIONS: "", NODE_DISABLE_COMPILE_CACHE: "1" }
      const all = ["--import", `data:text/javascript,${encodeURIComponent(report)}`, ...args]
      return Number(spawnSync(process.execPath, all, { cwd: project, env, encoding: "utf8" }).stderr) / 1000
    }
    const pairs = Array.from(
      { length: 9 },
      () => [millisOf([join(unpacked, bin), "--help"]), millisOf(["only-cli.mjs"])]
    )
    const [help, only] = [0, 1].map((i) => Math.min(...pairs.map((pair) => pair[i]!)))
    expect(only).toBeGreaterThan(20)
    expect(help! / only!).toBeLessThan(1.5)
  })
})

describe("the declarations of the packed package", () => {
  it("have the comment of every export", () => {
    const documented =
      /(\/\*\*(?:(?!\*\/)[^])*\*\/)\n(?:export |declare )*(?:const|class|interface|type|function) (\w+)/g
    const declared = new Set(
      globSync("dist/**/*.d.ts", { cwd: unpacked }).flatMap((file) =>
        Array.from(readFileSync(join(unpacked, file), "utf8").matchAll(documented), ([, doc, name]) => `${doc}${name}`)
      )
    )
    const all = [...publicModules.values()].flat()
    expect(all.length).toBeGreaterThan(330)
    expect(all.filter(({ doc, name }) => !declared.has(`${doc}${name}`)).map(({ name }) => name)).toEqual([])
  })
})

describe.concurrent("the types of the packed package, with effect alone", { timeout: 300_000 }, () => {
  const errorsOf = (folder: string, options: { readonly module: string; readonly types: ReadonlyArray<string> }) => {
    const compilerOptions = {
      target: "ES2023",
      lib: ["ES2023", "DOM", "DOM.Iterable", "DOM.AsyncIterable", "ESNext.Disposable"],
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: false,
      noEmit: true,
      ...options
    }
    writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }))
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["*.ts"] }))
    const tsc = join(root, "node_modules/typescript/bin/tsc")
    const { status, stderr, stdout } = spawnSync(process.execPath, [tsc, "-p", ".", "--pretty", "false"], {
      cwd: folder,
      encoding: "utf8"
    })
    return { status, said: stdout + stderr }
  }

  for (const module of ["NodeNext", "Preserve"]) {
    it(`resolve and check under module ${module}, declarations included`, () => {
      const folder = join(bare, `types-${module}`)
      mkdirSync(folder)
      const lines = specifiers.map((name, index) => `export * as m${index} from "${name}"`)
      writeFileSync(join(folder, "main.ts"), lines.join("\n"))
      expect(errorsOf(folder, { module, types: [] })).toEqual({ status: 0, said: "" })
    })
  }

  it("check every block of the documentation that names no other package", () => {
    const folder = write(documented.filter(needsEffectAlone), "", join(bare, "types-blocks"))
    link(folder, ["@types/node"])
    expect(errorsOf(folder, { module: "NodeNext", types: ["node"] })).toEqual({ status: 0, said: "" })
  })
})

/** A bundle for browsers, and what the bundler complained about. */
const bundle = async (
  code: string
): Promise<{ readonly output: RolldownOutput; readonly logs: ReadonlyArray<string> }> => {
  const input = join(project, "browser.mjs")
  writeFileSync(input, code)
  const logs: Array<string> = []
  const build = await rolldown({
    cwd: project,
    input,
    platform: "browser",
    // An optional package, imported when a layer that needs it is built.
    external: ["redis"],
    onLog: (_level, log) => {
      logs.push(`${log.code}: ${log.message}`)
    }
  })
  const output = await build.write({ dir: join(project, "bundle"), format: "esm", minify: true })
  await build.close()
  return { output, logs }
}

type Chunk = Extract<RolldownOutput["output"][number], { type: "chunk" }>

/** The chunks that a page loads at once: the entry and all it imports statically. */
const loadedAtOnce = ({ output }: RolldownOutput): ReadonlyArray<Chunk> => {
  const chunks = new Map(output.flatMap((file) => file.type === "chunk" ? [[file.fileName, file] as const] : []))
  const seen = new Set<Chunk>()
  const visit = (chunk: Chunk): void => {
    if (seen.has(chunk)) return
    seen.add(chunk)
    for (const name of chunk.imports) if (chunks.has(name)) visit(chunks.get(name)!)
  }
  visit(output[0])
  return [...seen]
}

/** Modules that such a page would have to find elsewhere: no chunk holds them. */
const externals = (output: RolldownOutput): ReadonlyArray<string> => {
  const files = new Set(output.output.map((file) => file.fileName))
  return loadedAtOnce(output).flatMap((chunk) => chunk.imports.filter((name) => !files.has(name)))
}

/** The output of a program that esbuild has bundled for browsers. */
const printed = async (name: string, program: string): Promise<ReadonlyArray<string>> => {
  writeFileSync(join(project, `${name}.mjs`), program)
  await esbuild({
    absWorkingDir: project,
    entryPoints: [`${name}.mjs`],
    bundle: true,
    format: "esm",
    platform: "browser",
    outfile: `${name}.bundle.mjs`,
    logLevel: "silent"
  })
  const { stdout } = await run(`run-${name}.mjs`, `import "./${name}.bundle.mjs"`)
  return stdout.trim().split("\n")
}

describe("a bundle for browsers", { timeout: 300_000 }, () => {
  it("without folders and servers says where those run", async () => {
    const program = `
      import { Effect } from "effect"
      import { Cached, CacheLayer } from "effect-cached"
      const layers = [
        CacheLayer.disk({ directory: "cache" }),
        CacheLayer.files({ directory: "cache" }),
        CacheLayer.redis({ url: "redis://localhost", prefix: "app" })
      ]
      const read = Effect.succeed(1).pipe(Cached.ttl("a", { ttl: "1 minute" }))
      for (const layer of layers) {
        const { message, reason } = await Effect.runPromise(Effect.flip(Effect.provide(read, layer)))
        console.log(reason, message)
      }
    `
    const lines = await printed("nowhere", program)
    expect(lines).toHaveLength(3)
    for (const line of lines) expect(line).toMatch(/^Unsupported .*needs Node\.js, Bun or Deno/)
  })

  it("refuses entries that derive from others", async () => {
    const program = `
      import { Effect } from "effect"
      import { Cached, CacheLayer } from "effect-cached"
      const read = (inherit) => Effect.succeed(1).pipe(Cached.ttl("a", { ttl: "1 minute", inherit }))
      for (const inherit of ["life", "changes"]) {
        console.log(String(await Effect.runPromise(Effect.exit(Effect.provide(read(inherit), CacheLayer.memory())))))
      }
    `
    const [life, changes] = await printed("derives", program)
    expect(life).toMatch(/^Success/)
    expect(changes).toMatch(/CacheConfigError.*inherit: .*changes.* needs Node.js, Bun or Deno/)
  })
})

describe("a bundle for Node without the optional packages", { timeout: 300_000 }, () => {
  beforeAll(() => {
    const program = `
      import { Effect } from "effect"
      import { Cached, CacheLayer } from "effect-cached"
      const layer = CacheLayer.memory().pipe(CacheLayer.withHeapLimit({ above: 0.7 }))
      const read = Effect.succeed("read").pipe(Cached.ttl("a", { ttl: "1 minute" }))
      Effect.runPromise(Effect.provide(read, layer)).then(console.log)
      const missing = CacheLayer.postgres({ url: "postgres://localhost/shop" })
      Effect.runPromise(Effect.flip(Effect.provide(read, missing))).then(({ message }) => console.log(message))
    `
    writeFileSync(join(bare, "program.mjs"), program)
    writeFileSync(join(bare, "config.mjs"), `export * from "effect-cached/config"`)
  })

  const options = { absWorkingDir: bare, bundle: true, platform: "node", logLevel: "silent" } as const

  const ran = (outfile: string): string => execFileSync(process.execPath, [join(bare, outfile)], { encoding: "utf8" })

  it.each(["cjs", "esm"] as const)("is made by esbuild (%s), and says which package a layer needs", async (format) => {
    const outfile = `${format}.${format === "cjs" ? "cjs" : "mjs"}`
    await esbuild({ ...options, entryPoints: ["program.mjs"], outfile, format })
    expect(ran(outfile)).toMatch(/^read\n.*npm install @effect\/sql-pg\n$/)
  })

  it("is made by rolldown, without a warning", async () => {
    const logs: Array<string> = []
    const onLog = (_: string, { code, message }: { readonly code?: string; readonly message: string }): void => {
      logs.push(`${code}: ${message}`)
    }
    const build = await rolldown({ cwd: bare, input: "program.mjs", platform: "node", onLog })
    await build.write({ dir: join(bare, "rolldown"), format: "esm", entryFileNames: "[name].mjs" })
    await build.close()
    expect(logs).toEqual([])
    expect(ran("rolldown/program.mjs")).toMatch(/^read\n.*npm install @effect\/sql-pg\n$/)
  })

  it("of caches from URLs is made by esbuild", async () => {
    const { warnings } = await esbuild({
      ...options,
      entryPoints: ["config.mjs"],
      outfile: "config.out.mjs",
      format: "esm"
    })
    expect(warnings).toEqual([])
  })
})

describe("what a program loads", { timeout: 300_000 }, () => {
  it.each(compared)("of $what is at most $limit kB", async ({ limit, program, what, without }) => {
    const row: Array<string> = [what]
    for (const bundler of Object.keys(bundlers) as Array<keyof typeof bundlers>) {
      const whole = await measure(bundler, program, project)
      const base = await measure(bundler, without, project)
      const kilobytes = (whole.bytes - base.bytes) / 1000
      expect(kilobytes).toBeGreaterThan(limit / 2)
      expect(kilobytes).toBeLessThan(limit)
      row.push(`${kilobytes.toFixed(0)} kB`)
    }
    documentedRow(new URL("../../docs/benchmarks.md", import.meta.url), [...row, `${limit} kB`])
  })
})

describe("a browser bundle of the root", { timeout: 300_000 }, () => {
  it("builds, needs nothing of node, and caches", async () => {
    const { output } = await bundle(`
      import { Effect } from "effect"
      import { Cached, CacheLayer } from "effect-cached"
      let loads = 0
      const load = Effect.sync(() => ++loads).pipe(Cached.ttl("a", { ttl: "1 minute" }))
      const program = Effect.all([load, load, load]).pipe(Effect.provide(CacheLayer.memory()))
      Effect.runPromise(program).then((values) => console.log(values.join(), loads))
    `)
    expect(externals(output)).toEqual([])
    expect(await run("bundle.mjs", `import "./bundle/browser.js"`)).toEqual({
      status: 0,
      stdout: "1,1,1 1\n",
      stderr: ""
    })
  })

  it("of all the root exports leaves nothing unresolved but what layers import when built", async () => {
    const { logs, output } = await bundle(`export * from "effect-cached"`)
    expect(logs.filter((log) => !/UNRESOLVED_IMPORT.*node:/s.test(log))).toEqual([])
    expect(externals(output)).toEqual([])
  })
})
