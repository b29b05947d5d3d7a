/** Deliberate faults of serializers that compress, sign or encrypt. */
import type { UnitFault } from "../fault.ts"

const wrappers = "test/serializers/wrappers.test.ts"
const caches = "test/serializers/wrappedCaches.test.ts"

export const faults: ReadonlyArray<UnitFault> = [
  {
    name: "a signature covers no id",
    in: "contextOf",
    find: "id, meta.outcome",
    replace: "meta.outcome",
    by: wrappers
  },
  {
    name: "a nonce is used twice",
    in: "newNonce",
    find: "crypto.getRandomValues(new Uint8Array(size))",
    replace: "new Uint8Array(size)",
    by: wrappers
  },
  {
    name: "a message shows a secret",
    in: "secretIn",
    find: "must be Redacted: pass",
    replace: "must be Redacted, not ${secret}: pass",
    by: wrappers
  },
  {
    name: "a warning shows a secret",
    in: "make",
    find: "const bytes = anyBytes(secret)",
    replace: "const bytes = (Object.assign(Envelope.reasons, { forged: `of ${secret}` }), anyBytes(secret))",
    by: caches
  },
  {
    name: "what was written before compression is a miss",
    in: "readerIn",
    find: "codec.reads?.(serializer)",
    replace: "undefined",
    by: caches
  },
  {
    name: "the elements of a stream are decoded under the id of their page",
    in: "read",
    find: "elementsIn(opened.value, id, clock)",
    replace: "elementsIn(opened.value, page, clock)",
    by: "test/serializers/serializerMake.test.ts"
  }
]
