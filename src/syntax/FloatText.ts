/**
 * A float with the fewest digits that read back as the same float, as `float_to_list(F, [short])` writes it: decimal
 * where that is no longer than scientific and the value lies within ±2^53, and always with a fraction.
 */
export const floatText = (value: number): string => {
  if (!Number.isFinite(value)) return String(value)
  const sign = value < 0 || Object.is(value, -0) ? "-" : ""
  const [mantissa, power] = Math.abs(value).toExponential().split("e") as [string, string]
  const digits = mantissa.replace(".", "")
  const exponent = Number(power)
  const scientific = `${digits[0]}.${digits.slice(1) || "0"}e${exponent}`
  const point = exponent + 1
  const decimal =
    point <= 0
      ? `0.${"0".repeat(-point)}${digits}`
      : `${digits.slice(0, point).padEnd(point, "0")}.${digits.slice(point) || "0"}`
  return sign + (Math.abs(value) < 2 ** 53 && decimal.length <= scientific.length ? decimal : scientific)
}
