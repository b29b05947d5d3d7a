/** Bulk calls, by real processes on one folder. */
import { afterAll } from "@effect/vitest"
import { sized } from "../support/everything.ts"
import { bulkTests } from "./bulkTests.ts"
import { pool } from "./processes.ts"

const { end, open } = pool()
afterAll(end)

bulkTests(open, sized(5000, 1000))
