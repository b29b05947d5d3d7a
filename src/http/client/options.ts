/** The options that clients and servers have in common, and the state that they begin with. */
import { http } from "../../internal/defaults/options.ts"
import {
  type Checks,
  isListOfText,
  optional,
  positiveCount,
  positiveMillis,
  refuseUnless
} from "../../internal/options/options.ts"
import { sizeAboveZero, type SizeInput } from "../../internal/options/size.ts"
import type * as Strategy from "../../Strategy.ts"
import type * as Ttl from "../../Ttl.ts"
import { toMillis } from "../../Ttl.ts"
import type { Client } from "./call.ts"

/** A check of `strategy`. The example is a call that makes one. */
export const strategyLike = (example: string) =>
  optional((strategy: Partial<Strategy.Strategy<any, any, any>> | undefined) =>
    refuseUnless(
      typeof strategy?.decide === "function" && typeof strategy.lifetime === "function",
      `strategy must be a Strategy, such as Strategy.${example}`
    )
  )

interface Common {
  readonly tags?: Client["tags"] | undefined
  readonly targets?: ReadonlyArray<string> | undefined
  readonly maxBody?: SizeInput | undefined
  readonly maxVariants?: number | undefined
  readonly keep?: Ttl.Input | undefined
  readonly timeout?: Ttl.Input | undefined
  readonly maxLoad?: Ttl.Input | undefined
}

export const checks: Checks<Common> = {
  tags: optional((tags) => refuseUnless(typeof tags === "function", "tags must be a function of request and response")),
  targets: optional((targets) =>
    refuseUnless(isListOfText(targets), "targets must be a list of field names, such as [\"CDN-Cache-Control\"]")
  ),
  maxBody: optional((maxBody) => void sizeAboveZero("maxBody", maxBody)),
  maxVariants: positiveCount("maxVariants"),
  keep: optional((keep) => refuseUnless(toMillis(keep, "keep") >= 0, "keep must not be negative")),
  timeout: optional((timeout) => void positiveMillis("timeout", timeout)),
  maxLoad: optional((maxLoad) => void positiveMillis("maxLoad", maxLoad))
}

type Given =
  | ("tags" | "targets" | "maxVariants" | "maxBody" | "keepMillis" | "timeoutMillis" | "maxLoadMillis")
  | ("arriving" | "unshared" | "loading")

export const parse = (
  { keep, maxBody, maxLoad, maxVariants = http.maxVariants, tags = noTags, targets = [], timeout }: Common
): Pick<Client, Given> => ({
  tags,
  targets: targets.map((target) => target.toLowerCase()),
  maxVariants,
  maxBody: maxBody === undefined ? http.maxBody : sizeAboveZero("maxBody", maxBody),
  keepMillis: keep === undefined ? http.keepMillis : toMillis(keep, "keep"),
  timeoutMillis: timeout === undefined ? undefined : positiveMillis("timeout", timeout),
  maxLoadMillis: maxLoad === undefined ? undefined : positiveMillis("maxLoad", maxLoad),
  arriving: new Map(),
  unshared: new Map(),
  loading: new Set()
})

const noTags = (): ReadonlyArray<string> => []
