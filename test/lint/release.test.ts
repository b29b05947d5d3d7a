/** `.ci/release.ts` complains where the package is not ready to be published. */
import { expect, it } from "@effect/vitest"
import { complaintsOf, type Ready } from "../../.ci/release.ts"

const ready: Ready = {
  tag: "v0.2.0",
  version: "0.2.0",
  repository: "github:owner/name",
  workflow: "owner/name",
  changelog: "# Changelog\n\n## 0.2.0\n\n- A change.\n",
  notes: []
}

it.each<readonly [what: string, given: Partial<Ready>, complaint: string]>([
  ["no repository", { repository: undefined }, "Which repository?"],
  ["another repository", { workflow: "fork/name" }, "and this is fork/name"],
  ["another tag", { tag: "v0.1.0" }, "the tag is v0.1.0"],
  ["a version without its changes", { changelog: "## 0.2\n## 0.2.1\n" }, "has no heading"],
  ["changes that are not dated", { changelog: "## 0.2.0 (unreleased)\n" }, "calls it unreleased"],
  ["a note of a change", { notes: [".changeset/one.md"] }, ".changeset/one.md is not in the changelog"]
])("%s is a complaint", (_, given, complaint) => {
  expect(complaintsOf({ ...ready, ...given })).toEqual([expect.stringContaining(complaint)])
})

it("a package that is ready gets none, in the workflow or by hand", () => {
  expect(complaintsOf(ready)).toEqual([])
  expect(complaintsOf({ ...ready, workflow: undefined })).toEqual([])
})
