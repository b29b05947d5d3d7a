/** What a storage answers for an entry that is there and cannot be read. */
export const Damaged: unique symbol = Symbol.for("effect-cached/Store/Damaged")
