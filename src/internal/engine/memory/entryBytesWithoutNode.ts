/**
 * The bytes of entries where programs are downloaded: `package.json` maps `#platform/*` to such files where there is no Node.
 * Nothing is known of how large they are there.
 */
import type { Entry } from "./entry.ts"

export const bytesOf = (_: Entry): number | undefined => undefined
