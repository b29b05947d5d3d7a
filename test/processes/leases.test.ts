/** Leases, by real processes on one folder, that are killed and stopped. */
import { afterAll } from "@effect/vitest"
import { leaseTests } from "./leaseTests.ts"
import { pool } from "./processes.ts"

const { end, open } = pool()
afterAll(end)

leaseTests(open)
