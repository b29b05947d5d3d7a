/** Drafts of files: a file is written under another name beside it, and gets its name when it is complete. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { createHash } from "node:crypto"
import { readlinkSync } from "node:fs"
import { type FileHandle, open, readdir, readlink, realpath, rename, rm, stat } from "node:fs/promises"
import { hostname } from "node:os"
import { basename, dirname, join, resolve } from "node:path"
import { threadId } from "node:worker_threads"
import { ofSystem, PipelineError } from "./PipelineError.ts"

/** A file that is being written under another name. */
export interface Draft {
  readonly file: string
  /** The file that is replaced: the target of a symbolic link. */
  readonly target: string
  /** The mode of the file that is replaced. */
  readonly mode: number | undefined
  readonly path: string
  readonly handle: FileHandle
  /** Whether a process was killed while it wrote the file. */
  readonly wasKilled: boolean
}

export const attempt = <A>(file: string, run: () => Promise<A>) =>
  Effect.tryPromise({ try: run, catch: ofSystem(file) })

const isMissing = (error: { readonly code?: unknown }): boolean => error.code === "ENOENT"

const found = (file: string) =>
  stat(file).catch((error) => {
    if (isMissing(error)) return undefined
    throw error
  })

/** Fails if the file exists and may not be replaced, or is a folder. */
export const refuseExisting = (file: string, overwrite: boolean): Effect.Effect<void, PipelineError> =>
  attempt(file, async () => {
    const existing = await found(file)
    if (existing?.isDirectory() === true) {
      throw new PipelineError({ file, reason: "Folder", problem: "it is a folder, not a file" })
    }
    if (existing === undefined || overwrite) return
    const problem = "it exists: set overwrite: true to replace it, or choose another name"
    throw new PipelineError({ file, reason: "Exists", problem })
  })

/** The file to which a symbolic link leads, even if it does not exist. */
const targetOf = async (file: string): Promise<string> => {
  const link = await readlink(file).catch(() => undefined)
  if (link === undefined) return file
  return realpath(file).catch((error) => {
    if (isMissing(error)) return targetOf(resolve(dirname(file), link))
    throw error
  })
}

let drafts = 0

/** The drafts that this thread writes. */
const written = new Set<string>()

const isRunning = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as { readonly code?: unknown }).code === "EPERM"
  }
}

/** The host and, on Linux, the namespace of process ids, of which each container has its own. */
const origin = (): string => {
  let namespace = "0"
  try {
    namespace = /\d+/.exec(readlinkSync("/proc/self/ns/pid"))![0]
  } catch {
    // Another system has no such namespaces.
  }
  return `${hostname().replaceAll(/\W/g, "_").slice(0, 64)}-${namespace}`
}

const isLeftHere = (path: string, pid: number, thread: number): boolean =>
  pid === process.pid ? thread === threadId && !written.has(path) : !isRunning(pid)

const dayMillis = 86_400_000

/** The beginning of the names of a file's drafts. With all of a long name, theirs would be too long for a file. */
const stemOf = (file: string): string => {
  const name = basename(file)
  return Buffer.byteLength(name) <= longestName ? name : createHash("sha256").update(name).digest("hex")
}

const longestName = 100

/**
 * Removes the drafts of processes that were killed, and returns whether there were any. In a container, each of these
 * processes may have had the id of this one. What other threads of this process write is left alone, and so is what
 * another host or container has written in the last day: whether its process runs is not known.
 */
const removeLeftovers = async (file: string, now: number): Promise<boolean> => {
  let wasKilled = false
  const [folder, name] = [dirname(file), stemOf(file)]
  const own = origin()
  for (const entry of await readdir(folder)) {
    if (!entry.startsWith(`${name}.`)) continue
    const [, from, id, thread] = /^\.([\w-]+)\.(\d+)-(\d+)-\d+\.partial$/.exec(entry.slice(name.length)) ?? []
    if (from === undefined) continue
    const path = join(folder, entry)
    const isLeft = from === own
      ? isLeftHere(path, Number(id), Number(thread))
      : now - ((await found(path))?.mtimeMs ?? now) > dayMillis
    if (!isLeft) continue
    await rm(path, { force: true })
    wasKilled = true
  }
  return wasKilled
}

/** Opens a draft, which is removed at the end of the scope unless it was published. */
export const draft = (file: string): Effect.Effect<Draft, PipelineError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.flatMap(Clock.currentTimeMillis, (now) =>
      attempt(file, async () => {
        const target = await targetOf(file)
        const wasKilled = await removeLeftovers(target, now).catch((cause) => {
          if (!isMissing(cause)) throw cause
          throw new PipelineError({ file, reason: "Missing", problem: "its folder does not exist", cause })
        })
        const path = join(
          dirname(target),
          `${stemOf(target)}.${origin()}.${process.pid}-${threadId}-${++drafts}.partial`
        )
        const replaced = await found(target)
        const mode = replaced && replaced.mode & 0o7777
        written.add(path)
        // The package for Parquet opens the draft again, so it must be writable, even if the file is not to be.
        const handle = await open(path, "wx", mode === undefined ? undefined : mode & 0o777 | 0o200)
        return { file, target, mode, path, handle, wasKilled }
      })),
    ({ handle, path }) =>
      Effect.promise(async () => {
        await handle.close().catch(() => undefined)
        await rm(path, { force: true })
        written.delete(path)
      })
  )

export const publish = ({ file, handle, mode, path, target }: Draft): Effect.Effect<void, PipelineError> =>
  attempt(file, async () => {
    if (mode !== undefined) await handle.chmod(mode)
    await handle.sync()
    await handle.close()
    await rename(path, target)
  })

export const append = ({ file, handle }: Draft, texts: ReadonlyArray<string>): Effect.Effect<void, PipelineError> =>
  attempt(file, () => handle.appendFile(texts.join("")))

export const remove = (file: string): Effect.Effect<void, PipelineError> =>
  attempt(file, () => rm(file, { force: true }))
