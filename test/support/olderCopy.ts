/** An older copy of a folder of `CacheLayer.disk`, as a backup is one. */
import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs"
import { basename, join } from "node:path"
import { DatabaseSync } from "node:sqlite"

/** The database in use. Throws where there is none at the moment. */
export const databaseIn = (directory: string): string => {
  const number = (name: string) => Number(/^cache\.v2\.(\d+)\.db$/.exec(name)?.[1] ?? 0)
  const name = readdirSync(directory).toSorted((a, b) => number(a) - number(b)).at(-1)
  if (name === undefined || number(name) === 0) throw new Error(`there is no database in ${directory}`)
  return join(directory, name)
}

/** Copies what is in use at this moment; answers what puts the copy in the place of the folder. Both may throw. */
export const copyOf = (directory: string): () => void => {
  const [copy, former] = [`${directory}-copy`, `${directory}-former`]
  rmSync(copy, { recursive: true, force: true })
  mkdirSync(copy, { mode: 0o700 })
  const file = databaseIn(directory)
  const database = new DatabaseSync(file, { timeout: 200 })
  try {
    database.exec(`VACUUM INTO '${join(copy, basename(file))}'`)
  } finally {
    database.close()
  }
  const pointer = "cache.v2.current"
  if (existsSync(join(directory, pointer))) copyFileSync(join(directory, pointer), join(copy, pointer))
  return () => {
    rmSync(former, { recursive: true, force: true })
    renameSync(directory, former)
    try {
      renameSync(copy, directory)
    } catch {
      // A process has created the folder again in between.
      rmSync(directory, { recursive: true, force: true })
      renameSync(copy, directory)
    }
    rmSync(former, { recursive: true, force: true })
  }
}
