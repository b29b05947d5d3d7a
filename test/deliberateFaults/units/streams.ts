/** Deliberate faults of streams. */
import type { UnitFault } from "../fault.ts"

export const faults: ReadonlyArray<UnitFault> = [
  {
    name: "a manifest is committed before the last page",
    in: "pulling",
    find: "yield* closePage(run)",
    replace: "yield* Effect.forkDetach(Effect.delay(closePage(run), 10))",
    by: "test/cached/stream.test.ts"
  },
  {
    name: "a consumer sleeps through what comes before it waits",
    in: "waiting",
    find: "happened(self) !== seen",
    replace: "seen < 0",
    by: "test/simulation/streams.test.ts"
  },
  {
    name: "a consumer waits for a run that begins behind its own",
    in: "follow",
    find: "return goOnAlone(self)",
    replace: "return",
    by: "test/cached/stream.test.ts"
  },
  {
    name: "a consumer whose read has failed waits for the end of the run",
    in: "nextOfLog",
    find: "failure !== undefined",
    replace: "failure !== undefined && end !== undefined",
    by: "test/cached/stream.test.ts"
  },
  {
    name: "a consumer that skips to a lost page waits for the end of the run, though its read has failed",
    in: "skip",
    find: "log.end ?? failureOf(self.answer)",
    replace: "log.end",
    by: "test/cached/stream.test.ts"
  },
  {
    name: "a run pulls more than is asked for",
    in: "isWanted",
    find: "if ((cursor.isWaiting || cursor.wantsAll) && !except.includes(cursor)) return true",
    replace: "return !except.includes(cursor)",
    by: "test/cached/stream.test.ts"
  },
  {
    name: "the pages of a run that is not stored stay",
    in: "disposeIfIdle",
    find: "dispose()",
    replace: "void dispose",
    by: "test/cached/stream.test.ts"
  },
  {
    name: "a run waits for ever for a slow consumer",
    in: "lag",
    find: "cursor.isLagging = true",
    replace: "",
    by: "test/cached/stream.test.ts"
  },
  {
    name: "the pages of a large stream stay in memory without it",
    in: "leaveTogether",
    find: "Memory.remove(memory, pageId(manifest.run, page, entry.id), cause)",
    replace: "void pageId",
    by: "test/cached/stream.test.ts"
  },
  {
    name: "a page that has given way leaves the others behind",
    in: "leaveTogether",
    find: "Memory.remove(memory, page.id, cause)",
    replace: "void cause",
    by: "test/cached/stream.test.ts"
  },
  {
    name: "the pages of an invalidated stream wait for the sweep",
    in: "removeStored",
    find: "Pages.removeReplaced(",
    replace: "void (",
    by: "test/cached/stream.test.ts"
  },
  {
    name: "the pages of very many invalidated streams all have their time",
    in: "removeReplaced",
    find: "&& known.pages <= streams.replacedPages",
    replace: "",
    by: "test/cached/stream.test.ts"
  },
  {
    name: "pages are removed that the store still names",
    in: "removeUnlessNamed",
    find: "isNamed === false",
    replace: "isNamed !== undefined",
    by: "test/cached/stream.test.ts"
  },
  {
    name: "a consumer that holds a run up has another 5 seconds with each page",
    in: "hasRoom",
    find: "cursor.heldUpMillis += heldUpMillis",
    replace: "cursor.heldUpMillis = heldUpMillis",
    by: "test/cached/stream.test.ts"
  },
  {
    name: "a lone consumer of a stream is too slow",
    in: "laggards",
    find: " && isWanted(self, behind)",
    replace: "",
    by: "test/cached/stream.test.ts"
  },
  {
    name: "a consumer that has caught up is still behind",
    in: "ask",
    find: "cursor.heldUpMillis = 0",
    replace: "",
    by: "test/cached/stream.test.ts"
  },
  {
    name: "a stream that was cut is cut for all later consumers",
    in: "cut",
    find: "isNamed === true",
    replace: "isNamed === undefined",
    by: "test/cached/stream.test.ts"
  },
  {
    name: "a stored failure whose elements are lost comes alone",
    in: "nextOfReplay",
    find: "isNamed === true",
    replace: "isNamed === undefined",
    by: "test/cached/stream.test.ts"
  },
  {
    name: "a consumer behind a run is not compared with what it has got",
    in: "runAside",
    find: "self.skips = self.pages > 0",
    replace: "self.skips = false",
    by: "test/cached/stream.test.ts"
  },
  {
    name: "a run that is not stored is not compared either",
    in: "isEncoded",
    find: "|| log.comparing > 0",
    replace: "",
    by: "test/cached/stream.test.ts"
  },
  {
    name: "a consumer that has lost a page waits for another one that has",
    in: "again",
    find: "readAgain(self, loading)",
    replace: "readAgain(self, (policy) => Policy.refreshing(loading(policy)))",
    by: "test/cached/stream.test.ts"
  },
  {
    name: "a page with fewer elements is the end",
    in: "nextOfReplay",
    find: "self.elements !== manifest.elements",
    replace: "self.elements < 0",
    by: "test/cached/stream.test.ts"
  },
  {
    name: "the pages of a replay are read one after the other",
    in: "readPage",
    find: "page + streams.pagesAhead",
    replace: "page",
    by: "test/cached/stream.test.ts"
  },
  {
    name: "all pages of a replay are read at once",
    in: "readPage",
    find: "Math.min(end - 1, page + streams.pagesAhead)",
    replace: "end - 1",
    by: "test/cached/stream.test.ts"
  },
  {
    name: "the softTimeout of a layer ends a run",
    in: "optionsOf",
    find: "readDefaults.softTimeout === undefined",
    replace: "readDefaults !== undefined",
    by: "test/cached/stream.test.ts"
  },
  {
    name: "a lost page is made up for from another stream",
    in: "skip",
    find: "if (digest !== self.digest) return cut(self)",
    replace: "",
    by: "test/cached/stream.test.ts"
  },
  {
    name: "a consumer that is not waited for is cut off beside one that is",
    in: "laggards",
    find: "behind.every(({ lagMillis }) => lagMillis !== Infinity) && ",
    replace: "",
    by: "test/cached/stream.test.ts"
  },
  {
    name: "the pages of an encrypted stream are compared as they are stored",
    in: "read",
    find: "payload: opened.value.payload",
    replace: "payload: entry.payload",
    by: "test/serializers/wrappedStreams.test.ts"
  },
  {
    name: "the manifest of a signed stream is not signed",
    in: "sealedBy",
    find: "sealing === plain",
    replace: "sealing.id > 0",
    by: "test/serializers/wrappedStreams.test.ts"
  },
  {
    name: "all pages of a stream are signed for the same id",
    in: "codecOf",
    find: "around(elements, plain(formatOf(elements)))",
    replace:
      "({ ...around(elements, plain(formatOf(elements))), encode: (content, _, meta) => around(elements, plain(formatOf(elements))).encode(content, \"\", meta), decode: (bytes, _, meta) => around(elements, plain(formatOf(elements))).decode(bytes, \"\", meta) })",
    by: "test/serializers/wrappedStreams.test.ts"
  },
  {
    name: "nothing is logged of a page that no secret fits",
    in: "read",
    find: "undecodable(tier, key, entry, opened.cause)",
    replace: "undefined",
    by: "test/serializers/wrappedStreams.test.ts"
  },
  {
    name: "a planted manifest makes the removal of its pages endless",
    in: "remove",
    find: "from >= pages || gone >= streams.slicesGone",
    replace: "from >= pages",
    by: "test/cached/stream.test.ts"
  },
  {
    name: "the stale stream does not take the place of a run that has failed",
    in: "nextOfLog",
    find: "answer.value.run !== log.run",
    replace: `answer.value.run === ""`,
    by: "test/cached/stream.test.ts"
  }
]
