/**
 * `node .ci/release.ts TAG`: complains where the package is not ready to be published under this tag.
 *
 * The address of the repository is one constant, `repository` in package.json, from which npm derives `bugs` and
 * `homepage`. npm refuses provenance if it is not the repository of the workflow.
 */
import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"

export interface Ready {
  readonly tag: string
  readonly version: string
  readonly repository: string | undefined
  /** The repository of the workflow, if it runs in one. */
  readonly workflow: string | undefined
  readonly changelog: string
  /** The notes that no version has yet. */
  readonly notes: ReadonlyArray<string>
}

export const complaintsOf = (
  { changelog, notes, repository, tag, version, workflow }: Ready
): ReadonlyArray<string> => [
  ...repository === undefined
    ? ["Which repository? Set it with `npm pkg set repository=github:OWNER/NAME`, and commit."]
    : workflow === undefined || repository.replace(/^github:/, "") === workflow
    ? []
    : [`package.json names the repository ${repository}, and this is ${workflow}`],
  ...tag === `v${version}` ? [] : [`the tag is ${tag}, and the version in package.json is ${version}`],
  ...new RegExp(`^## ${version.replaceAll(".", "\\.")}(?! \\(unreleased)\\b`, "m").test(changelog)
    ? []
    : [`CHANGELOG.md has no heading "## ${version}", or calls it unreleased`],
  ...notes.map((note) => `${note} is not in the changelog: run \`npx @changesets/cli version\``)
]

if (import.meta.main) {
  const root = join(import.meta.dirname, "..")
  const read = (file: string): string => readFileSync(join(root, file), "utf8")
  const manifest = JSON.parse(read("package.json")) as { readonly version: string; readonly repository?: string }
  const complaints = complaintsOf({
    tag: process.argv[2] ?? "",
    version: manifest.version,
    repository: manifest.repository,
    workflow: process.env["GITHUB_REPOSITORY"],
    changelog: read("CHANGELOG.md"),
    notes: globSync(".changeset/*.md", { cwd: root, exclude: [".changeset/README.md"] })
  })
  for (const complaint of complaints) console.error(complaint)
  if (complaints.length > 0) process.exitCode = 1
}
