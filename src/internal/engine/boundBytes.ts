/** An operation of its own, so that programs with `CachedHttpClient` load no others. */
import type { Operation } from "./boundCache.ts"
import * as Quotas from "./memory/quotas.ts"

export const boundBytes: Operation<[classes: ReadonlyArray<string>, most: number], void> = {
  over: Quotas.boundBytes,
  without: () => {}
}
