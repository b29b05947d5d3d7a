/** Runs Effect's channels of text formats on a whole value, at once. */
import type * as Arr from "effect/Array"
import type * as Channel from "effect/Channel"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"

/** Sends the input through the channel, and returns all that comes out, or `undefined` if the channel fails. */
export const collect = <In, Out>(
  input: ReadonlyArray<In>,
  channel: Channel.Channel<
    Arr.NonEmptyReadonlyArray<Out>,
    unknown,
    unknown,
    Arr.NonEmptyReadonlyArray<In>,
    never,
    unknown
  >
): ReadonlyArray<Out> | undefined => {
  const out = Stream.fromArray(input).pipe(Stream.pipeThroughChannel(channel as never), Stream.runCollect)
  const exit = Effect.runSyncExit(out as unknown as Effect.Effect<ReadonlyArray<Out>, unknown>)
  return Exit.isSuccess(exit) ? exit.value : undefined
}
