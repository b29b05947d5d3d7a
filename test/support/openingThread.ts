/** A thread that opens stores in folders on request: `[kind, folder]`. Answers with the error, if there is one. */
import { Effect, Exit } from "effect"
import { FilesStore } from "effect-cached/files"
import { SqliteStore } from "effect-cached/sqlite"
import { parentPort } from "node:worker_threads"
import { singly } from "../../src/testing/internal/singly.ts"
import { storeFrom } from "./storeFrom.ts"

const stores = { disk: SqliteStore.layer, files: FilesStore.layer }

parentPort!.on("message", ([kind, directory]: ["disk" | "files", string]) => {
  const opened = Effect.scoped(
    Effect.flatMap(storeFrom(stores[kind]({ directory })), (store) => singly(store).remove("id"))
  )
  void Effect.runPromiseExit(opened).then((exit) =>
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    parentPort!.postMessage(Exit.isSuccess(exit) ? "" : String(exit.cause))
  )
})
