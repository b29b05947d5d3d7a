/** The options that clients and servers have in common, and the state that they begin with. */
import { boundBytes, type Caching } from "../../Caching.ts"
import { http } from "../../internal/defaults/options.ts"
import {
  type Checks,
  isFlag,
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
import { credentials, harmlessWith } from "../rules/anonymous.ts"
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
  readonly harmless?: ReadonlyArray<string> | undefined
  readonly allowCookies?: boolean | undefined
  readonly tags?: Client["tags"] | undefined
  readonly targets?: ReadonlyArray<string> | undefined
  readonly maxBody?: SizeInput | undefined
  readonly maxMemory?: SizeInput | undefined
  readonly maxVariants?: number | undefined
  readonly keep?: Ttl.Input | undefined
  readonly wait?: Ttl.Input | undefined
  readonly timeout?: Ttl.Input | undefined
  readonly maxLoad?: Ttl.Input | undefined
}

const fieldName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

export const checks: Checks<Common> = {
  harmless: optional((names) => {
    refuseUnless(
      isListOfText(names) && names.every((name) => fieldName.test(name) && !name.includes("*")),
      "harmless must be a list of exact field names, such as [\"X-Client-Version\"]"
    )
    const named = names.find((name) => credentials.includes(name.toLowerCase()))
    refuseUnless(named === undefined, `harmless must not contain ${named}, which names a user`)
  }),
  allowCookies: isFlag("allowCookies"),
  tags: optional((tags) => refuseUnless(typeof tags === "function", "tags must be a function of request and response")),
  targets: optional((targets) =>
    refuseUnless(isListOfText(targets), "targets must be a list of field names, such as [\"CDN-Cache-Control\"]")
  ),
  maxBody: optional((maxBody) => void sizeAboveZero("maxBody", maxBody)),
  maxMemory: optional((maxMemory) => void sizeAboveZero("maxMemory", maxMemory)),
  maxVariants: positiveCount("maxVariants"),
  keep: optional((keep) => refuseUnless(toMillis(keep, "keep") >= 0, "keep must not be negative")),
  wait: optional((wait) => void positiveMillis("wait", wait)),
  timeout: optional((timeout) => void positiveMillis("timeout", timeout)),
  maxLoad: optional((maxLoad) => void positiveMillis("maxLoad", maxLoad))
}

type Given =
  | ("tags" | "targets" | "maxVariants" | "maxBody" | "keepMillis" | "waitMillis" | "timeoutMillis" | "maxLoadMillis")
  | ("harmless" | "storesCookies" | "arriving" | "wholes" | "known" | "unshared" | "loading")

export const parse = (
  { allowCookies = false, harmless = [], keep, maxBody, maxLoad, maxVariants = http.maxVariants, ...others }: Common
): Pick<Client, Given> => ({
  harmless: harmlessWith(harmless),
  storesCookies: allowCookies,
  tags: others.tags ?? noTags,
  targets: (others.targets ?? []).map((target) => target.toLowerCase()),
  maxVariants,
  maxBody: maxBody === undefined ? http.maxBody : sizeAboveZero("maxBody", maxBody),
  keepMillis: keep === undefined ? http.keepMillis : toMillis(keep, "keep"),
  waitMillis: others.wait === undefined ? http.waitMillis : positiveMillis("wait", others.wait),
  timeoutMillis: others.timeout === undefined ? undefined : positiveMillis("timeout", others.timeout),
  maxLoadMillis: maxLoad === undefined ? undefined : positiveMillis("maxLoad", maxLoad),
  arriving: new Map(),
  wholes: new Map(),
  known: new Map(),
  unshared: new Map(),
  loading: new Set()
})

/** Bounds the responses in the memory of a cache. */
export const bound = (caching: Caching["Service"], { maxMemory = http.maxMemory }: Common): void =>
  boundBytes(caching, ["HttpResource", "HttpBody"], sizeAboveZero("maxMemory", maxMemory))

const noTags = (): ReadonlyArray<string> => []
