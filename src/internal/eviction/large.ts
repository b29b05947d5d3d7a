/** The policies that a browser loads only when its memory fills (`package.json` maps `#platform/*`). */
import { makeAdaptive } from "./adaptive.ts"
import { makeS3Fifo } from "./s3Fifo.ts"
import { makeWTinyLfu } from "./wTinyLfu.ts"

export const large = { adaptive: makeAdaptive, s3Fifo: makeS3Fifo, wTinyLfu: makeWTinyLfu }
