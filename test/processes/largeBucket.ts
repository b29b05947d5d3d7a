/** Lists a bucket of 300,000 objects, and says how many of them a clean-up remembers. */
import { listed } from "../../src/drivers/objects/bucket/xml.ts"
import * as Oldest from "../../src/drivers/objects/room/oldest.ts"

const encoder = new TextEncoder()

const pageOf = (page: number): Uint8Array => {
  const objects = Array.from({ length: 1000 }, (_, i) => {
    const name = `prefix/e/${`${1000 * page + i}`.padStart(44, "0")}`
    return `<Contents><Key>${name}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>` +
      `<ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag><Size>300</Size></Contents>`
  })
  return encoder.encode(
    `<ListBucketResult><IsTruncated>false</IsTruncated>${objects.join("")}</ListBucketResult>`
  )
}

const oldest = Oldest.make()
for (let page = 0; page < 300; page++) {
  for (const [i, object] of listed(pageOf(page))!.objects.entries()) {
    // As if a few objects of each page were among the oldest.
    Oldest.add(oldest, { ...object, modifiedAt: (i * 7919) % 300_000 })
  }
}
console.log(Oldest.take(oldest, 300_000).length)
