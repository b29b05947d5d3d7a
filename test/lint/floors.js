/**
 * Floors: imports point downwards only. The floor of a file determines its allowed imports.
 *
 * One table says all of it; `ARCHITECTURE.md` explains it, `lint.test.ts` plants a violation of each kind.
 */
import { dirname, join, relative } from "node:path/posix"

const effect = /^effect\//
const node = /^node:/
const vocabulary = [effect, /^@noble\/hashes\//, /^@msgpack\/msgpack$/]

/** From the bottom. A file stands on the first floor that has it; `packages` are those that it may import. */
export const floors = [
  {
    name: "1 (vocabulary and ports)",
    // The types of a read's options are declared once: the engine reads them too.
    files:
      /^(Cache(Entry|Error|ErrorSchema|Event|EventSchema|Key)|GuardStore|Lock|Serializer|Strategy|Ttl|Weigher)\.ts$|^ports\/|^cached\/options\.ts$|^internal\/(?!engine\/)/,
    packages: vocabulary
  },
  {
    name: "2 (adapters)",
    files: /^(drivers\/\w+|serializers)\//,
    packages: [
      ...vocabulary,
      node,
      /^(@effect\/sql-pg\/PgClient|aws4fetch|cborg|cborg\/taglib|hyparquet|hyparquet-writer|idb|redis|yaml)$/
    ],
    // A driver is one folder: it imports itself and `drivers/shared`, never another one. Only that of programs' SQL
    // clients has no store of its own: the client decides which database it is.
    shared: (from, to) =>
      to.startsWith("drivers/shared/") ||
      from.startsWith("drivers/sql/") && /^drivers\/(postgres|sqlite\/clients)\//.test(to) ||
      (/^drivers\/\w+\//.exec(from)?.[0] ?? "") === /^drivers\/\w+\//.exec(to)?.[0]
  },
  { name: "3 (engine)", files: /^(Caching|Eviction)\.ts$|^internal\/engine\//, packages: [effect] },
  {
    name: "4 (language)",
    files: /^(CachePolicy|Cached|Guard|Store|Transaction)\.ts$|^(cached|guard)\//,
    packages: [effect]
  },
  { name: "5 (ready-made)", files: /^CacheLayer\.ts$|^layers\//, packages: [effect] },
  {
    name: "6 (surfaces)",
    files: /^(Cache(Metrics|Profiles|Reactivity)|index)\.ts$|^(adapters|bridges|explain|metrics|schemas|testing)\//,
    packages: [effect]
  },
  {
    name: "7 (outer surfaces)",
    // Each is a folder that comes with its first file.
    files: /^(http|config|pipeline|cli|inspector)\//,
    // The parts of the platform package that the command needs are bundled with it.
    packages: [
      effect,
      node,
      /^@effect\/platform-node\//,
      /^@noble\/hashes\//,
      /^hyparquet(-writer)?$/,
      /^structured-headers$/,
      // The page of the inspector is bundled with them.
      /^(preact|preact\/hooks|uplot|#inspector\/page)$/
    ],
    // They use modules that a program can use, those that every option needs, the forms of values, and the steps of an
    // invalidation by pattern. The inspector also looks into the engine.
    below: (to, from) =>
      /^[A-Z]\w*\.ts$|^(drivers\/\w+\/index|serializers\/\w+)\.ts$|^internal\/((options|defaults|text|codec)\/|(token|version|store\/patterns)\.ts$)/
        .test(to) ||
      (from.startsWith("inspector/") &&
        /^explain\/collect\.ts$|^internal\/(engine\/(operations\/|(boundCache|engine|operationTable)\.ts|memory\/entry\.ts|storeTier\/pendingInvalidations\.ts)|key\/id\.ts|time\/monotonic\.ts)/
          .test(to)),
    // The command opens the caches that URLs name, and reads the protocol of an inspector.
    shared: (from, to) =>
      from.split("/")[0] === to.split("/")[0] ||
      (from.startsWith("cli/") && /^(config\/stores|inspector\/(api|index))\.ts$/.test(to))
  }
]

/** The rooms of the engine, from the bottom. Those of one line do not know each other. */
export const rooms = [
  ["telemetry"],
  ["memory"],
  ["storeTier"],
  ["collections.ts"],
  ["state.ts"],
  ["request"],
  ["derived"],
  ["flight"],
  ["load"],
  ["lease"],
  ["invalidation"],
  ["engine.ts"],
  ["read", "operations"],
  ["batch", "streams"],
  ["boundCache.ts"],
  ["boundBytes.ts"],
  ["operationTable.ts", "overStore.ts"],
  ["transaction"]
]

const roomOf = (file) => {
  const [, room] = /^internal\/engine\/([^/]+)/.exec(file) ?? []
  return room === undefined ? undefined : { room, level: rooms.findIndex((line) => line.includes(room)) }
}

/** The number of the floor that a file of `src` stands on, `-1` where it stands on none. */
export const floorOf = (file) => floors.findIndex(({ files }) => files.test(file))

const isBarrel = (specifier) => /^effect(\/(.*\/)?[a-z][^/]*)?$/.test(specifier)

/** The problem of the place of a file of `src`; `undefined` if there is none. */
const problemOfPlace = (file) => {
  if (floorOf(file) < 0) return `${file} stands on no floor: name it in test/lint/floors.js.`
  return roomOf(file)?.level < 0 ? `${file} stands in no room: name it in test/lint/floors.js.` : undefined
}

/** The problem of an import of a file of `src` that has a place; `undefined` if there is none. */
const problemOf = (file, specifier) => {
  const floor = floors[floorOf(file)]
  // A module that some platforms do not have: see "imports" of package.json.
  const ofNode = /^#node\/(.*)$/.exec(specifier)?.[1]
  if (ofNode !== undefined) return problemOf(file, `./${relative(dirname(file), `${ofNode}.ts`)}`)
  // One file, or another beside it, by platform.
  const ofPlatform = /^#platform\/(.*)$/.exec(specifier)?.[1]
  if (ofPlatform !== undefined) return problemOf(file, `./${relative(dirname(file), `internal/${ofPlatform}.ts`)}`)
  if (!specifier.startsWith(".")) {
    if (isBarrel(specifier)) {
      return "Import the module itself (`import * as Effect from \"effect/Effect\"`), never a barrel."
    }
    return floor.packages.some((allowed) => allowed.test(specifier))
      ? undefined
      : `Floor ${floor.name} does not import ${specifier}.`
  }
  // The real path: a way out of `src` and in again is the same file.
  const [, to] = /^src\/(.*)$/.exec(join("src", dirname(file), specifier).replace(/^(\.\.\/)+/, "")) ?? []
  if (to === undefined) return "A file of src imports only files of src."
  const above = floorOf(to)
  if (above > floors.indexOf(floor)) return `Floor ${floor.name} does not import floor ${floors[above].name}.`
  if (floors[above] === floor) {
    if (floor.shared?.(file, to) === false) return `On floor ${floor.name} a folder does not import another one.`
  } else if (floor.below?.(to, file) === false) return `Floor ${floor.name} imports only public modules.`
  const own = roomOf(file)
  const other = roomOf(to)
  if (own === undefined || other === undefined || own.room === other.room) return undefined
  return other.level < own.level ? undefined : `In the engine ${own.room} does not import ${other.room}.`
}

/** The specifier of an import, as a text: also for a dynamic import with a template. */
const specifierOf = (source) => {
  if (source?.type === "Literal" && typeof source.value === "string") return source.value
  return source?.type === "TemplateLiteral" ? source.quasis[0].value.cooked : undefined
}

/** Lists files without a place, imports and re-exports, of types too, that point upwards or sideways. */
export const floorsRule = {
  create: (context) => {
    const [, folder, file] = /.*\/(src|examples)\/(.*)$/.exec(context.filename.replaceAll("\\", "/")) ?? []
    if (folder === undefined) return {}
    const report = (node, message) => {
      if (message !== undefined) context.report({ node, message })
    }
    const place = folder === "src" ? problemOfPlace(file) : undefined
    const check = ({ source }) => {
      const specifier = specifierOf(source)
      if (specifier === undefined || place !== undefined) return
      if (folder === "src") report(source, problemOf(file, specifier))
      else if (/\/src\//.test(specifier)) report(source, "An example imports effect-cached as a user does.")
    }
    return {
      Program: (node) => report(node, place),
      ImportDeclaration: check,
      ExportNamedDeclaration: check,
      ExportAllDeclaration: check,
      ImportExpression: check
    }
  }
}
