import { afterEach, describe, expect, it, vi } from "vitest"
import { tampering } from "../../../src/config/Tampering.ts"
import { isWindows } from "../../support/isWindows.ts"

const ours = 1000n
const root = 0n
const other = 65_534n

describe.skipIf(isWindows)("what others can put their own in the place of", () => {
  afterEach(() => vi.restoreAllMocks())

  it.each<[string, bigint, bigint, bigint, bigint, string | undefined]>([
    ["is not ours alone", ours, 0o644n, ours, 0o755n, undefined],
    ["is not root's", root, 0o644n, root, 0o755n, undefined],
    ["is not in a folder of which all can write no more than their own", ours, 0o644n, root, 0o1777n, undefined],
    ["belongs to them", other, 0o644n, ours, 0o755n, "must belong to you or root, and belongs to user 65534"],
    ["can be written by them", ours, 0o664n, ours, 0o755n, "must be writable by owner only (chmod go-w)"],
    [
      "is in a folder of theirs",
      ours,
      0o644n,
      other,
      0o755n,
      "a folder of yours or root's, and that belongs to user 65534"
    ],
    ["is in a sticky folder of theirs", ours, 0o644n, other, 0o1777n, "that belongs to user 65534"],
    ["is in a folder that they can write to", ours, 0o600n, ours, 0o775n, "in a folder that is writable by owner only"]
  ])("%s", (_what, uid, mode, folderUid, folderMode, problem) => {
    vi.spyOn(process, "geteuid").mockReturnValue(Number(ours))
    const found = tampering({ uid, mode }, { uid: folderUid, mode: folderMode })
    if (problem === undefined) expect(found).toBeUndefined()
    else expect(found).toContain(problem)
  })
})
