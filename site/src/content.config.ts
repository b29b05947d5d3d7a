import { docsLoader } from "@astrojs/starlight/loaders"
import { docsSchema } from "@astrojs/starlight/schema"
import { defineCollection } from "astro:content"

export const collections = {
  // The names of modules keep their capitals.
  docs: defineCollection({
    loader: docsLoader({ generateId: ({ entry }) => entry.replace(/\.md$/, "") }),
    schema: docsSchema()
  })
}
