/** The rooms whose mutants are tried, and the tests that meet them. */
import { createHash } from "node:crypto"
import { globSync } from "node:fs"
import type { Mutant } from "./instrument.ts"

export interface Room {
  readonly sources: string
  /** The tests that meet all of them. */
  readonly near: ReadonlyArray<string>
  /** How many mutants are drawn; all if this is left out. */
  readonly sample?: number
}

/** Decides which mutants a sample has. */
const seed = "60"

const cached = (...names: ReadonlyArray<string>) => names.map((name) => `test/cached/${name}.test.ts`)

const http = (...names: ReadonlyArray<string>) => names.map((name) => `test/http/${name}.test.ts`)

const engine = (name: string, ...near: ReadonlyArray<string>): Room => ({
  sources: `src/internal/engine/${name}/*.ts`,
  near: [`test/internal/engine/${name}/*.test.ts`, ...near]
})
const sampled = (room: Room): Room => ({ ...room, sample: 300 })

const requests = [
  ...["test/Strategy.test.ts", "test/CachePolicy.test.ts"],
  ...cached(
    "options",
    "fallback",
    "sliding",
    "maxHits",
    "lifetimes",
    "conditionalSets",
    "copy",
    "defaults",
    "flightOutcomes"
  ),
  ...cached(
    "readersWithOtherConstants",
    "clocks",
    "detect",
    "events",
    "functions",
    "userCodeThatThrows"
  ),
  ...cached("messages", "warnings")
]

export const rooms: Readonly<Record<string, Room>> = {
  strategy: {
    sources: "src/internal/strategy/*.ts",
    near: ["test/Ttl.test.ts", ...cached("operations"), ...requests]
  },
  request: engine(
    "request",
    ...requests,
    "test/promises/P6.test.ts",
    ...cached(
      "inherit",
      "warningsOfUnfitValues",
      "valuesOfReadsAndEvents",
      "tagsKnownAfterLoad",
      "privateFlights",
      "bulk",
      "sqlTransaction"
    )
  ),
  read: engine(
    "read",
    ...requests,
    ...cached(
      "surroundingsOfLoads",
      "readsThatShareQuestions",
      "readsOverFarStores",
      "timeoutsOfStores",
      "readsWhileUntracked",
      "waitForOthers",
      "loadsThatHang"
    ),
    ...cached("derived", "softTags", "invalidation", "stats", "counters", "tracing", "requestCounts"),
    ...cached(
      "waitForWrite",
      "queuedLoads",
      "classesWithSameIds",
      "hitRatioCurve",
      "optionsByFunction",
      "changesWhileStoreAnswers",
      "stream"
    ),
    ...["test/promises/P4.test.ts", "test/CacheMetrics.test.ts", "test/drivers/clockBeside.test.ts"],
    ...["test/internal/engine/promotedUnits.test.ts", "test/internal/engine/lease/needEachOther.test.ts"]
  ),
  flight: sampled(engine(
    "flight",
    ...cached(
      "surroundingsOfLoads",
      "loadsThatHang",
      "privateFlights",
      "failingLeaders",
      "loadsThatOutliveCallers",
      "waitForWrite"
    ),
    ...cached(
      "readsOverFarStores",
      "loadsWhoseStarterLeft",
      "bulk",
      "bulkOverStore",
      "inherit",
      "copy",
      "queuedLoads"
    ),
    ...cached("tracing", "readersWithOtherConstants"),
    ...cached("flightOutcomes", "fallback", "detect", "clocks", "derived", "duringLoad", "events", "stats", "options"),
    ...cached("lifetimes", "functions", "defaults", "cachedInsideCached", "stream", "maxHits", "softTags", "messages"),
    ...cached("invalidation", "recoveryAfterFailures", "resolver", "sqlTransaction", "storesThatPushChanges"),
    ...cached("userCodeThatThrows", "readsWhileUntracked"),
    ...["test/promises/P?.test.ts", "test/Strategy.test.ts", "test/CachePolicy.test.ts", "test/internal/token.test.ts"],
    "test/pipeline/store.test.ts",
    ...["test/internal/engine/request/attempt.test.ts", "test/CacheMetrics.test.ts"],
    ...["test/internal/engine/withinOneStep.test.ts", "test/internal/engine/promotedUnits.test.ts"]
  )),
  lease: sampled(engine(
    "lease",
    ...cached("bulkOverStore", "bulkOverSlowStore", "loadsOfOneTurn", "readsOverFarStores"),
    ...cached(
      "requestCounts",
      "waitForOthers",
      "waitForWrite",
      "privateFlights",
      "readsWhileChangesArrive"
    ),
    ...cached(
      "tagReleasesLease",
      "schemaChangedBetweenReleases",
      "setWhileStoreFails"
    ),
    ...cached(
      "changesWhileStoreAnswers",
      "derived",
      "events",
      "failingLeaders",
      "fallback",
      "maxHits",
      "storeAnswersInPart"
    ),
    ...cached(
      "tagsKnownAfterLoad",
      "recoveryAfterFailures",
      "readsWhileUntracked",
      "patternsOfOthers",
      "invalidateMany"
    ),
    ...cached(
      "loadsThatOutliveCallers",
      "loadsThatHang",
      "readsThatShareQuestions",
      "bulk",
      "stream",
      "clocks",
      "defaults"
    ),
    ...["test/internal/engine/*.test.ts", "test/internal/engine/storeTier/*.test.ts", "test/pipeline/store.test.ts"],
    ...["test/promises/P?.test.ts", "test/promises/changesBetweenSteps.test.ts", "test/CacheMetrics.test.ts"]
  )),
  invalidation: sampled(engine(
    "invalidation",
    ...cached("refusedInvalidations", "setMany", "storesThatPushChanges", "setWhileStoreFails", "storeAnswersInPart"),
    ...cached(
      "invalidation",
      "invalidateMany",
      "invalidateUnacknowledged",
      "readsWhileUntracked",
      "tagReleasesLease",
      "schemaChangedBetweenReleases"
    ),
    ...cached("bulk", "bulkOverSlowStore", "clear", "softTags", "softKeys", "patternsOfOthers", "invalidateAfter"),
    ...cached("changesWhileStoreAnswers", "derived", "warnings", "recoveryAfterFailures"),
    ...[
      "test/internal/engine/events.test.ts",
      "test/promises/P2.test.ts",
      "test/promises/P4.test.ts",
      "test/promises/P7.test.ts"
    ],
    ...["test/internal/engine/withinOneStep.test.ts"]
  )),
  memory: sampled(engine(
    "memory",
    ...["test/Eviction.test.ts", "test/layers/withQuotas.test.ts", "test/CacheProfiles.test.ts"],
    ...cached(
      "weights",
      "removalListeners",
      "stats",
      "fullMemory",
      "expiry",
      "hitRatioCurve",
      "userCodeThatThrows",
      "derived",
      "entriesWhileMemoryChanges"
    ),
    ...cached("clocks", "evictsExpiredFirst", "softTags", "inspect", "readsThatShareQuestions", "stream"),
    ...["test/internal/engine/read/timeoutsThatUseTheCache.test.ts", "test/internal/engine/read/questions.test.ts"],
    ...["test/CacheMetrics.test.ts", "test/internal/engine/withinOneStep.test.ts"]
  )),
  "http/rules": sampled({
    sources: "src/http/rules/*.ts",
    near: http("rules", "client", "attacks", "middleware", "endpoints", "secondOpinion")
  }),
  "config/url": sampled({ sources: "src/config/url.ts", near: ["test/config/*.test.ts"] }),
  all: sampled({
    sources: "src/**/*.ts",
    near: [
      "test/*.test.ts",
      ...["bridges", "cached", "cli", "config", "drivers", "explain", "guard", "http", "internal", "keys", "laws"],
      ...["layers", "pipeline", "promises", "serializers", "testing", "transaction"]
    ].map((name) => name.includes("*") ? name : `test/${name}/**/*.test.ts`)
  })
}

/** All tests that meet mutants of the engine, after the nearest. */
export const far = [
  ...["test/cached/*.test.ts", "test/promises/P?.test.ts", "test/Cache*.test.ts", "test/internal/engine/*/*.test.ts"],
  ...["test/http/middleware.test.ts", "test/explain/*.test.ts", "test/transaction/*.test.ts", "test/layers/*.test.ts"]
]

/** Meets the mutants that the tests of the room let pass. */
export const model = ["test/model/*.test.ts"]

/** Meet the mutants that the model lets pass as well. Each row is a call of `npm run prove -- simulate`. */
export const schedules: ReadonlyArray<ReadonlyArray<string>> = [["--serving", "--seeds", "200"], ["--seeds", "200"]]

export const filesOf = (globs: ReadonlyArray<string>): ReadonlyArray<string> => [
  ...new Set(globs.flatMap((glob) => globSync(glob).sort()))
]

/** Sources of other platforms, and the program of the command, are not loaded. */
export const sourcesOf = ({ sources }: Room): ReadonlyArray<string> =>
  globSync(sources).filter((file) => !/WithoutNode\.ts$|noNode\.ts$|cli\/main\.ts$|page\/client\.ts$/.test(file)).sort()

/** The same mutants again, unless they have changed. */
export const drawn = ({ sample }: Room, mutants: ReadonlyArray<Mutant>): ReadonlyArray<Mutant> => {
  const lot = ({ name }: Mutant) => createHash("sha1").update(seed + name).digest("hex")
  return sample === undefined ? mutants : mutants.toSorted((a, b) => lot(a) < lot(b) ? -1 : 1).slice(0, sample)
}
