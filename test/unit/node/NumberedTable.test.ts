import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { NumberedTable } from "../../../src/node/NumberedTable.ts"

describe("NumberedTable", () => {
  it("holds what was added and not deleted, each by its own number, whatever the order", () => {
    const commands = fc.array(fc.oneof(fc.constant("add" as const), fc.nat()), { maxLength: 500 })
    fc.assert(
      fc.property(commands, (commands) => {
        const table = new NumberedTable<string>()
        const expected = new Map<number, string>()
        const given: Array<number> = []
        for (const [index, command] of commands.entries()) {
          if (command === "add") {
            const number = table.add(`value ${index}`)
            expect(given).not.toContain(number)
            given.push(number)
            expected.set(number, `value ${index}`)
          } else if (given.length > 0) {
            const number = given[command % given.length]!
            table.delete(number)
            expected.delete(number)
          }
        }
        for (const number of given) expect(table.get(number)).toBe(expected.get(number))
        const held: Array<string> = []
        table.forEach((value) => held.push(value))
        expect(held.toSorted()).toEqual([...expected.values()].toSorted())
      })
    )
  })

  it("has nothing under a number that it has not given", () => {
    const table = new NumberedTable<string>()
    const number = table.add("one")
    for (const other of [0, -1, number + 64, number + 2 ** 32, 2 ** 47, Number.NaN]) {
      expect(table.get(other)).toBeUndefined()
      table.delete(other)
    }
    expect(table.get(number)).toBe("one")
  })

  it("visits no value that was deleted meanwhile, even where others were added", () => {
    const table = new NumberedTable<() => void>()
    const numbers: Array<number> = []
    let visited = 0
    for (let count = 0; count < 100; count++) {
      numbers.push(
        table.add(() => {
          visited++
          for (const number of numbers) table.delete(number)
          for (let added = 0; added < 1_000; added++) table.add(() => {})
        })
      )
    }
    table.forEach((value) => value())
    expect(visited).toBe(1)
  })

  it("is empty once it is cleared", () => {
    const table = new NumberedTable<string>()
    const numbers = Array.from({ length: 100 }, (_, index) => table.add(`value ${index}`))
    table.clear()
    for (const number of numbers) expect(table.get(number)).toBeUndefined()
    table.forEach(() => expect.unreachable())
    expect(numbers).not.toContain(table.add("another"))
  })
})
