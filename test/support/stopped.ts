/** Servers that end with the test that has started them. */
import { afterEach } from "@effect/vitest"

export const stoppedAfterEach = <
  Args extends ReadonlyArray<any>,
  Server extends { readonly stop: () => Promise<void> }
>(
  start: (...args: Args) => Promise<Server>
) => {
  const started: Array<Server> = []
  afterEach(async () => {
    for (const { stop } of started.splice(0)) await stop()
  })
  return async (...args: Args): Promise<Server> => {
    const server = await start(...args)
    started.push(server)
    return server
  }
}
