/**
 * An integer in decimal; `undefined` when that is longer than `room`. Going by the hexadecimal form, which takes linear
 * time where the decimal takes more, spares the conversion of what nobody will see.
 */
export const integerText = (value: number | bigint, room: number): string | undefined =>
  typeof value === "bigint" && value.toString(16).length * 1.2 - 3 > room ? undefined : String(value)
