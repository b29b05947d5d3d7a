/** A server of objects in a process of its own, so that a benchmark does not measure it. */
import { listen, make } from "../../../support/s3.ts"

const s3 = make()
const server = await listen(s3)

process.on("message", ({ copies, name }: { readonly copies: number; readonly name: string }) => {
  const [found, { body }] = Array.from(s3.objects).find(([one]) => one.startsWith("tidy/e/") && one.endsWith(name))!
  for (let i = 0; i < copies; i++) s3.objects.set(`${found}${i}`, { body, etag: `"${i}"`, at: i + 1 })
  process.send!({ copied: copies })
})
process.on("disconnect", () => process.exit())
// How many requests were answered, without those of probes.
setInterval(() => process.send!({ asked: s3.asked.length, objects: s3.objects.size }), 20)
process.send!({ endpoint: server.endpoint })
