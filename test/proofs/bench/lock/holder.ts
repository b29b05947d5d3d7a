/** Holds the lock of the database in a folder for some time. */
import { DatabaseSync } from "node:sqlite"

const [file, millis] = process.argv.slice(2) as [string, string]

const database = new DatabaseSync(file, { timeout: 10_000 })
database.exec("BEGIN IMMEDIATE")
process.send!("held")
setTimeout(() => {
  database.exec("COMMIT")
  database.close()
  process.disconnect()
}, Number(millis))
