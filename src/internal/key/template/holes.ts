/** Types that check key templates: an unknown field, or a formatter that refuses its value, is a type error. */
import type * as Context from "effect/Context"
import type * as Redacted from "effect/Redacted"

export type Holes<Text extends string, Found extends string = never> = Text extends
  `${string}{${infer Hole}}${infer Rest}` ? Holes<Rest, Found | Hole> : Found

type PathOf<Hole extends string> = Hole extends `${infer Path}:${string}` ? Path : Hole

type FormatOf<Hole extends string> = Hole extends `${string}:${infer Format}`
  ? Format extends `${infer Name}(${string})` ? Name : Format
  : never

type Plain = string | number | boolean | bigint | null | undefined

type At<P, Path extends string> = P extends ReadonlyArray<unknown> ? never
  : P extends object ? Path extends `${infer Field}.${infer Rest}` ? Field extends keyof P ? At<P[Field], Rest> : never
    : Path extends keyof P ? P[Path]
    : never
  : never

/** The type of the values at a path in a result. An array contributes its element type. */
type AtEach<P, Path extends string> = P extends ReadonlyArray<infer One> ? AtEach<One, Path>
  : Path extends "" ? P
  : P extends object
    ? Path extends `${infer Field}.${infer Rest}` ? Field extends keyof P ? AtEach<P[Field], Rest> : never
    : Path extends keyof P ? AtEach<P[Path], "">
    : never
  : never

interface Takes {
  readonly lower: string
  readonly upper: string
  readonly length: string | ReadonlyArray<unknown>
  readonly hash: unknown
  readonly jwt: string | Redacted.Redacted<string>
}

export type FormattersOf<Values> = {
  readonly [Name in keyof Values]:
    | ((value: Values[Name]) => string)
    | { readonly format: (value: Values[Name]) => string; readonly injective?: boolean | undefined }
}

export type References = { readonly [name: string]: Context.Reference<any> }

type TakesOf<Formatter> = Formatter extends (value: infer Value) => string ? Value
  : Formatter extends { readonly format: (value: infer Value) => string } ? Value
  : never

type BadFormat<Hole extends string, Value, Own> = [Value] extends [never] ? `{${Hole}} names no field`
  : [FormatOf<Hole>] extends [never] ? [Value] extends [Plain] ? never
    : `{${Hole}} is not a string, number, boolean or bigint: give it a formatter, like hash`
  : FormatOf<Hole> extends keyof Own ? TakenBy<Hole, Value, TakesOf<Own[FormatOf<Hole>]>>
  : FormatOf<Hole> extends keyof Takes ? TakenBy<Hole, Value, Takes[FormatOf<Hole>]>
  : `there is no formatter "${FormatOf<Hole>}"`

type TakenBy<Hole extends string, Value, Taken> = [Exclude<Value, null | undefined>] extends [Taken] ? never
  : `{${Hole}} has a value that its formatter does not take`

type BadHole<Hole extends string, P, Result, Refs, Own> = Hole extends `@${infer Name}`
  ? PathOf<Name> extends keyof Refs
    ? BadFormat<Hole, Refs[PathOf<Name>] extends Context.Reference<infer Value> ? Value : never, Own>
  : `{${Hole}} names no context value`
  : [Result] extends [never] ? BadFormat<Hole, At<P, PathOf<Hole>>, Own>
  : PathOf<Hole> extends "result" ? BadFormat<Hole, AtEach<Result, "">, Own>
  : PathOf<Hole> extends `result.${infer Path}` ? BadFormat<Hole, AtEach<Result, Path>, Own>
  : BadFormat<Hole, At<P, PathOf<Hole>>, Own>

type Bad<Text extends string, P, Result, Refs, Own> = {
  [Hole in Holes<Text>]: BadHole<Hole, P, Result, Refs, Own>
}[Holes<Text>]

/** The text of a template if all its placeholders are valid, otherwise error messages about the invalid ones. */
export type Checked<Text extends string, P, Result, Refs, Own> = [Bad<Text, P, Result, Refs, Own>] extends [never]
  ? Text
  : Bad<Text, P, Result, Refs, Own>
