import * as fc from "fast-check"

/** Text of any characters, most of them such as have a meaning somewhere. (`unit: "binary"` takes a second to set up.) */
export const anyText = (maxLength: number): fc.Arbitrary<string> =>
  fc
    .array(
      fc.oneof(
        fc.constantFrom(
          ...Array.from("aZé日😀 _@.:/-+*<>{}[]()#%&|=~^!?,;'\"`\\\n\r\t\x1b\0\x7f\x80\xad\u202e\u{e0041}")
        ),
        fc.integer({ min: 32, max: 126 }).map((code) => String.fromCodePoint(code)),
        fc
          .integer({ min: 0, max: 0x10ffff - 0x800 })
          .map((code) => String.fromCodePoint(code < 0xd800 ? code : code + 0x800))
      ),
      { maxLength }
    )
    .map((characters) => characters.join(""))
