import { defineConfig } from "vitest/config"

export default defineConfig({
  resolve: { conditions: ["effect-cached-source"] },
  ssr: { resolve: { conditions: ["effect-cached-source"] } },
  test: { include: ["test/**/*.test.ts"] }
})
