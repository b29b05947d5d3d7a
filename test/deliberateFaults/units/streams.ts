/** Deliberate faults of streams. */
import { foundBy, type UnitFault } from "../fault.ts"

export const faults: ReadonlyArray<UnitFault> = [
  ...foundBy("test/cached/stream.test.ts", [
    [
      "a manifest is committed before the last page",
      "pulling",
      "yield* closePage(run)",
      "yield* Effect.forkDetach(Effect.delay(closePage(run), 10))"
    ],
    ["a consumer waits for a run that begins behind its own", "follow", "return goOnAlone(self)", "return"],
    ["a run waits for ever for a slow consumer", "lag", "cursor.isLagging = true", ""],
    ["the pages of an invalidated stream wait for the sweep", "removeStored", "Pages.removeReplaced(", "void ("],
    ["a consumer that has caught up is still behind", "ask", "cursor.heldUpMillis = 0", ""]
  ]),
  ...foundBy("test/serializers/wrappedStreams.test.ts", [
    [
      "all pages of a stream are signed for the same id",
      "codecOf",
      "around(elements, plain(formatOf(elements)))",
      "({ ...around(elements, plain(formatOf(elements))), encode: (content, _, meta) => around(elements, plain(formatOf(elements))).encode(content, \"\", meta), decode: (bytes, _, meta) => around(elements, plain(formatOf(elements))).decode(bytes, \"\", meta) })"
    ],
    [
      "nothing is logged of a page that no secret fits",
      "read",
      "undecodable(tier, key, entry, opened.cause)",
      "undefined"
    ]
  ])
]
