/** Imports the sources before the tests do, and tells which mutants this reaches. */
import { join } from "node:path"
import { asked, shared, tell } from "./asked.ts"

const { active, files } = asked()
tell({ _tag: "Pid", pid: process.pid })
shared.activeMutant = active
shared.mutantCoverage = { static: {}, perTest: {} }
await import("../../../src/index.ts")
for (const file of files) await import(join(process.cwd(), file))
tell({ _tag: "Static", mutants: Object.keys(shared.mutantCoverage.static) })
