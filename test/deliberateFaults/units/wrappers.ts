/** Deliberate faults of serializers that compress, sign or encrypt. */
import { foundBy, type UnitFault } from "../fault.ts"

const wrappers = "test/serializers/wrappers.test.ts"
const caches = "test/serializers/wrappedCaches.test.ts"

export const faults: ReadonlyArray<UnitFault> = [
  ...foundBy(wrappers, [
    ["a signature covers no id", "contextOf", "id, meta.outcome", "meta.outcome"],
    ["a nonce is used twice", "newNonce", "crypto.getRandomValues(new Uint8Array(size))", "new Uint8Array(size)"],
    ["a message shows a secret", "secretIn", "must be Redacted: pass", "must be Redacted, not ${secret}: pass"]
  ]),
  ...foundBy(caches, [
    [
      "a warning shows a secret",
      "make",
      "const bytes = anyBytes(secret)",
      "const bytes = (Object.assign(Envelope.reasons, { forged: `of ${secret}` }), anyBytes(secret))"
    ],
    ["what was written before compression is a miss", "readerIn", "codec.reads?.(serializer)", "undefined"]
  ]),
  ...foundBy("test/serializers/serializerMake.test.ts", [
    [
      "the elements of a stream are decoded under the id of their page",
      "read",
      "elementsIn(opened.value, id, clock)",
      "elementsIn(opened.value, page, clock)"
    ]
  ])
]
