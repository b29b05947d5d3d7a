/** The store of a process, in a bucket. */
import { Effect, Redacted, Schedule } from "effect"
import { ObjectStore } from "effect-cached/objects"
import { FetchHttpClient } from "effect/http"
import { readFileSync } from "node:fs"
import { storeFrom } from "../../../support/storeFrom.ts"
import { objectsStalenessMillis } from "../../consistency/plan.ts"

export interface Where extends ObjectStore.Options {
  /** The file with the key that is valid at the moment. */
  readonly keyFile: string
}

const readKey = (file: string) =>
  Effect.sync(() => {
    const { accessKeyId, secret } = JSON.parse(readFileSync(file, "utf8"))
    return { accessKeyId, secretAccessKey: Redacted.make(secret) }
  })

export const open = ({ keyFile, ...where }: Where) =>
  storeFrom(ObjectStore.layer({ ...where, credentials: readKey(keyFile), tagStaleness: objectsStalenessMillis / 2 }))
    .pipe(
      Effect.provide(FetchHttpClient.layer)
    )

/** A process that starts while the server is gone tries again until it is back. */
export const storeOf = (where: Where) => Effect.orDie(Effect.retry(open(where), Schedule.spaced(100)))
