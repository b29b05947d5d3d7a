/** A process that tries all layers and prints what became of them: `probeProcess.ts <folder>`. */
import { probe } from "./probe.ts"

console.log(JSON.stringify(await probe(process.argv[2]!)))
