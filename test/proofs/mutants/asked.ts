/** The request of `main.ts` to the worker that runs tests, and the answers of the worker, one line each. */
import { appendFileSync, readFileSync } from "node:fs"

/** Tests of a file: those named, every fifth and then the rest of the quick ones, the slow ones, or both at once. */
export type Pass = "named" | "some" | "quick" | "slow" | "whole"

export interface Asked {
  /** The instrumented sources. */
  readonly files: ReadonlyArray<string>
  /** The ids of the mutants to try. */
  readonly mutants: ReadonlyArray<string>
  /** From the first import on: only this mutant, in every test. */
  readonly active?: string | undefined
  readonly pass: Pass
  /** The names for the pass `named`. */
  readonly tests?: ReadonlyArray<string> | undefined
  /** A mutant that has met tests for so long is left alone. */
  readonly budgetMillis: number
}

export type Told =
  | { readonly _tag: "Pid"; readonly pid: number }
  /** The mutants whose code runs while the sources are imported. */
  | { readonly _tag: "Static"; readonly mutants: ReadonlyArray<string> }
  | { readonly _tag: "Unfit" | "Slower" | "Test"; readonly test: string }
  | { readonly _tag: "Trying" | "Killed" | "Left"; readonly mutant: string; readonly test: string }
  | { readonly _tag: "Spent"; readonly millis: Readonly<Record<string, number>> }

export const paths = {
  asked: ".cache/mutants/asked.json",
  told: ".cache/mutants/told.jsonl",
  code: ".cache/mutants/code.json"
}

export const asked = (): Asked => JSON.parse(readFileSync(paths.asked, "utf8"))

export const tell = (told: Told): void => appendFileSync(paths.told, `${JSON.stringify(told)}\n`)

/** The state that all instrumented code uses. */
export const shared: {
  activeMutant?: string | undefined
  currentTestId?: string | undefined
  hitCount?: number | undefined
  hitLimit?: number | undefined
  mutantCoverage?: { static: Record<string, number>; perTest: Record<string, Record<string, number>> }
} = (globalThis as any).__stryker__ ??= {}
