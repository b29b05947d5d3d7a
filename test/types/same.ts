/** Comparisons of types. */

export type Same<X, Y> = (<T>() => T extends X ? 1 : 2) extends (<T>() => T extends Y ? 1 : 2) ? true : false

export const same = <X, Y>(_: Same<X, Y>) => {}

/** A value must have exactly this type. */
export const is = <X>() => <Y>(_: Y, ..._different: Same<X, Y> extends true ? [] : [never]) => {}
