/**
 * A page that caches what it fetches, and shows it while its server is away: `npm start browser`, then open the
 * address that it prints.
 */
import { start } from "./server.ts"

const { url } = await start(Number(process.env["PORT"] ?? 0))
console.log(`Open ${url} (ends with Ctrl+C)`)
