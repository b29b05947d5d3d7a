/** The time to import one file, `import.ts <file>`, in a process that has imported nothing of the kind. */
import { pathToFileURL } from "node:url"

const start = process.hrtime.bigint()
await import(pathToFileURL(process.argv[2]!).href)
process.stdout.write(JSON.stringify([{ name: "import", value: Number(process.hrtime.bigint() - start) }]))
