import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { ProcessTable } from "../../../src/node/ProcessTable.ts"

describe("ProcessTable", () => {
  it("holds what was added and not deleted, each by its own number, whatever the order", () => {
    const commands = fc.array(fc.oneof(fc.constant("add" as const), fc.nat()), { maxLength: 500 })
    fc.assert(
      fc.property(commands, (commands) => {
        const table = new ProcessTable<string>()
        const expected = new Map<number, string>()
        const given: Array<number> = []
        for (const [index, command] of commands.entries()) {
          if (command === "add") {
            const number = table.add(`process ${index}`)
            expect(given).not.toContain(number)
            given.push(number)
            expected.set(number, `process ${index}`)
          } else if (given.length > 0) {
            const number = given[command % given.length]!
            table.delete(number)
            expected.delete(number)
          }
        }
        for (const number of given) expect(table.get(number)).toBe(expected.get(number))
        const held: Array<string> = []
        table.forEach((process) => held.push(process))
        expect(held.toSorted()).toEqual([...expected.values()].toSorted())
      })
    )
  })

  it("knows nobody by a number that it has not given", () => {
    const table = new ProcessTable<string>()
    const number = table.add("one")
    for (const other of [0, -1, number + 64, number + 2 ** 32, 2 ** 47, Number.NaN]) {
      expect(table.get(other)).toBeUndefined()
      table.delete(other)
    }
    expect(table.get(number)).toBe("one")
  })

  it("lets processes end while they are visited", () => {
    const table = new ProcessTable<() => void>()
    let ended = 0
    for (let count = 0; count < 100; count++) {
      const number = table.add(() => {
        table.delete(number)
        ended++
      })
    }
    table.forEach((end) => end())
    table.forEach(() => expect.unreachable())
    expect(ended).toBe(100)
  })
})
