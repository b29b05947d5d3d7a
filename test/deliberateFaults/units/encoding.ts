/** Deliberate faults of keys, serializers and frames. */
import type { UnitFault } from "../fault.ts"

export const faults: ReadonlyArray<UnitFault> = [
  {
    name: "an entry has the tags of the one that was read before it",
    in: "hasBytes",
    find: "if (frame[headSize + i] !== bytes[i]) return false",
    replace: "",
    by: "test/internal/codec/frame.test.ts"
  },
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
    name: "a value that would come back as another one is stored",
    in: "checking",
    find: "options.unambiguous || !isAmbiguous(schema)",
    replace: "true",
    by: "test/serializers/ambiguousSchemas.test.ts"
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
    name: "tags do not tell the members of a union apart",
    in: "mayMeet",
    find: `kind === otherKind && !(kind === "object" && areTagged(one, other))`,
    replace: "kind === otherKind",
    by: "test/serializers/ambiguousSchemas.test.ts"
  },
  {
    name: "undeclared fields cause no warning",
    in: "checking",
    find: "path !== undefined",
    replace: "path !== undefined && left > 1000",
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
    name: "a payload that has changed before its first load is loaded",
    in: "copyChecked",
    find: "copy === key || isSame(copy)",
    replace: "true",
    by: "test/keys/mutatedPayloads.test.ts"
  },
  {
    name: "the copy of a payload shares the parts of an array",
    in: "filled",
    find: ".push(copyOf(item, seen))",
    replace: ".push(item)",
    by: "test/keys/mutatedPayloads.test.ts"
  },
  {
    name: "a constructor does not decode",
    in: "maker",
    find: "if (!transforms || !isRelevant) return make",
    replace: "return make",
    by: "test/keys/transformations.test.ts"
  },
  {
    name: "an index is asked for by what its schema would not decode",
    in: "tagOfWhere",
    find: "return index.tag(values)",
    replace: "return index.tag(where)",
    by: "test/keys/transformations.test.ts"
  },
  {
    name: "an absent field and one that is `undefined` are two keys",
    in: "isAbsent",
    find: "object[name] === undefined || ",
    replace: "",
    by: "test/CacheKey.test.ts"
  },
  {
    name: "what a formatter loses is not in the key",
    in: "join",
    find: `lost === ""`,
    replace: `lost !== "0:"`,
    by: "test/keys/template.test.ts"
  },
  {
    name: "a value of a template ends where its text has the separator",
    in: "plain",
    find: "escape(String(value))",
    replace: "String(value)",
    by: "test/keys/template.test.ts"
  },
  {
    name: "a number and its text fill a hole alike",
    in: "plain",
    find: "kinds.size === 1",
    replace: "kinds.size < 9",
    by: "test/keys/template.test.ts"
  },
  {
    name: "a readable id may leave out a field",
    in: "refuseMissing",
    find: "if (missing === undefined) return",
    replace: "if (missing !== null) return",
    by: "test/keys/template.test.ts"
  },
  {
    name: "a line of the log has what a value leaves out of its text",
    in: "beginOf",
    find: "else if (hasText(value) && isSmall(value)) text += Formatter.format(value)",
    replace: "",
    by: "test/cached/logEvents.test.ts"
  },
  {
    name: "text of JSON is made of what is not JSON",
    in: "checkedLink",
    find: "[new SchemaAST.Link(SchemaAST.any, onlyJson), link]",
    replace: "[link]",
    by: "test/cached/messages.test.ts"
  },
  {
    name: "below Schema.Any anything is JSON",
    in: "isOpen",
    find: `_tag === "Any" || _tag === "ObjectKeyword" || _tag === "Unknown"`,
    replace: `_tag === "ObjectKeyword" || _tag === "Unknown"`,
    by: "test/serializers/openSchemas.test.ts"
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
    name: "classes of a hot reload are two",
    in: "mayBeOne",
    find: "(one.position === other.position || one.query !== other.query)",
    replace: "false",
    by: "test/cached/classesWithSameIds.test.ts"
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
