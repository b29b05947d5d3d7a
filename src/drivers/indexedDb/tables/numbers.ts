/** Reads and changes the counts and the total size of the database inside a transaction. */
import type { Schema, Transaction } from "../database.ts"

type Name = Schema["numbers"]["key"]

export const get = async (transaction: Transaction, name: Name): Promise<number> =>
  await transaction.objectStore("numbers").get(name) ?? 0

export const add = async (transaction: Transaction, name: Name, by: number): Promise<number> => {
  const sum = await get(transaction, name) + by
  await transaction.objectStore("numbers").put(sum, name)
  return sum
}
