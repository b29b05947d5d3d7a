/** Two releases of a program, as real processes on one folder. */
import { afterAll } from "@effect/vitest"
import { pool } from "./processes.ts"
import { releaseTests } from "./releaseTests.ts"

const { end, open } = pool()
afterAll(end)

releaseTests(open)
