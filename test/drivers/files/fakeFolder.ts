/** Stands in for `src/drivers/files/folder.ts`: a folder in memory that counts how often it is asked. */
export interface FakeFolder {
  readonly files: Map<string, { size: number; mtimeMs: number }>
  readonly asked: { stats: number }
}

export const stat = ({ asked, files }: FakeFolder, name: string) => {
  asked.stats++
  return files.get(name)
}

export const names = ({ files }: FakeFolder) => files.keys()

export const list = ({ files }: FakeFolder) => Array.from(files.keys())

export const remove = ({ files }: FakeFolder, name: string) => files.delete(name)
