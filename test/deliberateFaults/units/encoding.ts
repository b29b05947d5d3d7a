/** Deliberate faults of keys, serializers and frames. */
import type { UnitFault } from "../fault.ts"

export const faults: ReadonlyArray<UnitFault> = [
  {
    name: "the tags that are known are bytes of a frame that is gone",
    in: "tagsOf",
    find: "bytes: new Uint8Array(read.bytes)",
    replace: "bytes: read.bytes",
    by: "test/internal/codec/frame.test.ts"
  },
  {
    name: "numbers that JSON has not are stored as JSON",
    in: "flatten",
    find: "Number.isFinite(value) ? value : beyondJson(walk, value)",
    replace: "value",
    by: "test/serializers/Structured.test.ts"
  },
  {
    name: "elements of streams are stored without being compared",
    in: "encode",
    find: "checked<Part, any>(\n    codec,",
    replace: "checked<Part, any>(\n    {},",
    by: "test/serializers/ambiguousSchemas.test.ts"
  },
  {
    name: "what a transformation loses counts as a difference",
    in: "makeLossy",
    find: "isMadeLeaf(ast) ? alike(ast) : canonicalOr(ast, compile)",
    replace: "canonicalOr(ast, compile)",
    by: "test/serializers/ambiguousSchemas.test.ts"
  },
  {
    name: "a bulk call that starts later gets payloads that have changed",
    in: "lookerIn",
    find: "defectOf(ownKey, key) ?? plan",
    replace: "plan",
    by: "test/keys/mutatedPayloads.test.ts"
  },
  {
    name: "all loads of a key share one copy of its payload",
    in: "keyForLoad",
    find: `(own as unknown as Copied)["~copy"]?.() ?? own`,
    replace: "own",
    by: "test/keys/mutatedPayloads.test.ts"
  },
  {
    name: "an index is asked for by what its schema would not decode",
    in: "tagOfWhere",
    find: "return index.tag(values)",
    replace: "return index.tag(where)",
    by: "test/keys/transformations.test.ts"
  },
  {
    name: "a value of a template ends where its text has the separator",
    in: "plain",
    find: "escape(String(value))",
    replace: "String(value)",
    by: "test/keys/template.test.ts"
  },
  {
    name: "a store seeds its tokens from the caller's Random",
    in: "lazily",
    find: "make(fiber.getRef(Seed))",
    replace: `make(drawWith(() =>
  fiber.getRef(Context.Reference("effect/Random", { defaultValue: () => Math })).nextDoubleUnsafe()
))`,
    by: "test/internal/token.test.ts"
  },
  {
    name: "tags may have any length in a frame",
    in: "tagsOf",
    find: "if (tagsEnd > end) return undefined",
    replace: "",
    by: "test/drivers/sqlite/SqliteBounds.test.ts"
  },
  {
    name: "an array of MessagePack is allocated as long as it claims to be",
    in: "isWhole",
    find: "if (missing > end - at) return false",
    replace: "if (at >= end) return true",
    by: "test/serializers/hostile.test.ts"
  }
]
