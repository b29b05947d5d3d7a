/** A thread that opens stores in folders on request: `[kind, folder]`. Answers with the error, if there is one. */
import { Effect, Exit } from "effect"
import { FilesStore } from "effect-cached/files"
import { SqliteStore } from "effect-cached/sqlite"
import { parentPort } from "node:worker_threads"

const stores = { disk: SqliteStore.make, files: FilesStore.make }

parentPort!.on("message", ([kind, directory]: ["disk" | "files", string]) => {
  const opened = Effect.scoped(Effect.flatMap(stores[kind]({ directory }), (store) => store.remove("id")))
  void Effect.runPromiseExit(opened).then((exit) =>
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    parentPort!.postMessage(Exit.isSuccess(exit) ? "" : String(exit.cause))
  )
})
