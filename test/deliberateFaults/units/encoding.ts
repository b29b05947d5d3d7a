/** Deliberate faults of keys, serializers and frames. */
import { foundBy, type UnitFault } from "../fault.ts"

export const faults: ReadonlyArray<UnitFault> = [
  ...foundBy("test/internal/codec/frame.test.ts", [
    [
      "the tags that are known are bytes of a frame that is gone",
      "tagsOf",
      "bytes: new Uint8Array(read.bytes)",
      "bytes: read.bytes"
    ]
  ]),
  ...foundBy("test/serializers/Structured.test.ts", [
    [
      "numbers that JSON has not are stored as JSON",
      "flatten",
      "Number.isFinite(value) ? value : beyondJson(walk, value)",
      "value"
    ]
  ]),
  ...foundBy("test/serializers/ambiguousSchemas.test.ts", [
    [
      "elements of streams are stored without being compared",
      "encode",
      "checked<Part, any>(\n    codec,",
      "checked<Part, any>(\n    {},"
    ],
    [
      "what a transformation loses counts as a difference",
      "makeLossy",
      "isMadeLeaf(ast) ? alike(ast) : canonicalOr(ast, compile)",
      "canonicalOr(ast, compile)"
    ]
  ]),
  ...foundBy("test/keys/mutatedPayloads.test.ts", [
    [
      "a bulk call that starts later gets payloads that have changed",
      "lookerIn",
      "defectOf(ownKey, key) ?? plan",
      "plan"
    ],
    [
      "all loads of a key share one copy of its payload",
      "keyForLoad",
      `(own as unknown as Copied)["~copy"]?.() ?? own`,
      "own"
    ]
  ]),
  ...foundBy("test/keys/transformations.test.ts", [
    [
      "an index is asked for by what its schema would not decode",
      "tagOfWhere",
      "return index.tag(values)",
      "return index.tag(where)"
    ]
  ]),
  ...foundBy("test/keys/template.test.ts", [
    ["a value of a template ends where its text has the separator", "plain", "escape(String(value))", "String(value)"]
  ]),
  ...foundBy("test/internal/token.test.ts", [
    [
      "a store seeds its tokens from the caller's Random",
      "lazily",
      "make(fiber.getRef(Seed))",
      `make(drawWith(() =>
  fiber.getRef(Context.Reference("effect/Random", { defaultValue: () => Math })).nextDoubleUnsafe()
))`
    ]
  ]),
  ...foundBy("test/serializers/hostile.test.ts", [
    [
      "an array of MessagePack is allocated as long as it claims to be",
      "isWhole",
      "if (missing > end - at) return false",
      "if (at >= end) return true"
    ]
  ])
]
