/** Streams over serializers that compress, sign or encrypt. Over Redis: `test/servers/redisSerializers.test.ts`. */
import { describe } from "@effect/vitest"
import { Effect } from "effect"
import { FilesStore } from "effect-cached/files"
import { MemoryStore } from "effect-cached/memory"
import { SqliteStore } from "effect-cached/sqlite"
import { tempDirectory } from "../support/tempDirectory.ts"
import { streamsOver } from "./streamsOver.ts"

describe("streams in memory", () => streamsOver(Effect.sync(() => MemoryStore.make())))

describe("streams on disk", () =>
  streamsOver(Effect.flatMap(tempDirectory, (directory) => SqliteStore.make({ directory }))))

describe("streams in files", () =>
  streamsOver(Effect.flatMap(tempDirectory, (directory) => FilesStore.make({ directory }))))
