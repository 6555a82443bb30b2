/** An integer in decimal; `undefined` when that is longer than `room`, found out without converting it. */
export const integerText = (value: number | bigint, room: number): string | undefined => {
  // No integer of a message is worth the (quadratic) conversion when nobody will see it.
  if (typeof value === "bigint" && room < Infinity) {
    const magnitude = value < 0n ? -value : value
    if (magnitude >= 10n ** BigInt(Math.max(room, 0))) return undefined
  }
  return String(value)
}
