/** Losses and troubles of a bucket during the check: each must cost a load, and never a stale read. */
import { createHash } from "node:crypto"
import { decode, encode } from "../../../src/drivers/objects/store/record.ts"
import { type Listening, refuse, type S3 } from "../../support/s3.ts"
import type { Dice } from "./random.ts"

const remove = ({ objects }: S3, form: RegExp) => {
  for (const name of objects.keys()) if (form.test(name)) objects.delete(name)
}

/** Takes entries away, but not the leases in the same objects: without them P1 could not be judged. */
const strip = ({ objects }: S3, form: RegExp) => {
  for (const [name, { body: bytes }] of objects) {
    const found = form.test(name) ? decode(bytes) : undefined
    if (found === undefined || found.frame.length === 0) continue
    const body = encode({ ...found.head, stamp: `${found.head.stamp} robbed` }, new Uint8Array(0))
    objects.set(name, { body, etag: `"${createHash("md5").update(body).digest("hex")}"` })
  }
}

const thefts: ReadonlyArray<(s3: S3, server: Listening, dice: Dice) => void> = [
  (s3) => remove(s3, /\/t\//),
  (s3) => remove(s3, /\/t\/a$/),
  (s3) => strip(s3, /\/e\//),
  (s3) => strip(s3, /\/e\/(plain|both)$/),
  (_, server) => server.cut(),
  (s3, _, { below }) => {
    let left = 1 + below(20)
    s3.before = () => left-- > 0 ? refuse(503, "SlowDown") : undefined
  },
  // The answers of some writes are lost.
  (s3, _, { below }) => {
    let left = 1 + below(5)
    s3.after = ({ method }) => method === "PUT" && left-- > 0 ? refuse(500, "InternalError") : undefined
  }
]

export const robObjects = (s3: S3, server: Listening, dice: Dice): number => {
  dice.pick(thefts)(s3, server, dice)
  return 1
}
