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
    name: "a consumer waits for a run that begins behind its own",
    in: "follow",
    find: "return goOnAlone(self)",
    replace: "return",
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
    name: "the pages of an invalidated stream wait for the sweep",
    in: "removeStored",
    find: "Pages.removeReplaced(",
    replace: "void (",
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
    name: "a consumer that has lost a page waits for another one that has",
    in: "again",
    find: "readAgain(self, loading)",
    replace: "readAgain(self, (policy) => Policy.refreshing(loading(policy)))",
    by: "test/cached/stream.test.ts"
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
  }
]
