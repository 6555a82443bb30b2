import { Effect, Schema } from "effect"

/**
 * Up to which heap of a process something is copied out of it, which it does itself and before any limit of ours counts:
 * the argument `max_heap_mb` of tools that do so.
 */

const mebibyte = 1024 * 1024

export const maxHeapMegabytes = { minimum: 0.01, maximum: 4096 }

/**
 * What is shared in a heap is copied once for each reference: ten thousand connections that had one large configuration in
 * common, on a heap of 4 MB, took 10 GB and the node with it; eight thousand on 950 KB, 2.6 GB. Nothing outside of the
 * process can know. A heap of 128 KiB makes some 540 MB at worst by plain sharing.
 */
export const normalHeapMegabytes = 0.125

export const maxHeap = Schema.Finite.check(Schema.isBetween(maxHeapMegabytes))
  .annotate({
    description: `Refuse larger heaps; ${maxHeapMegabytes.minimum} to ${maxHeapMegabytes.maximum}, default ${normalHeapMegabytes}`,
    default: normalHeapMegabytes
  })
  .pipe(Schema.withDecodingDefaultKey(Effect.succeed(normalHeapMegabytes)))

/** The same argument where what may be asked is worked out first, and only one process can be permitted more. */
export const permittedHeap = (process: string) =>
  Schema.optionalKey(
    Schema.Finite.check(Schema.isBetween(maxHeapMegabytes)).annotate({
      description: `Ask ${process} despite large copies; ${maxHeapMegabytes.minimum} to ${maxHeapMegabytes.maximum}`
    })
  )

/** Bytes of `max_heap_mb`. */
export const heapBytes = (megabytes: number): number => megabytes * mebibyte

/** How much larger a heap may be when it is asked than when it was looked at: what looks at it also grows it. */
const growth = 1.25

/**
 * What `max_heap_mb` has to be for a heap of so many bytes, with room to grow where there is room: rounded up, to a
 * hundredth where it is small.
 */
export const megabytesFor = (heap: number): number => {
  const least = heap / mebibyte
  const needed = Math.max(least, Math.min(least * growth, maxHeapMegabytes.maximum))
  return needed < 10 ? Math.ceil(needed * 100) / 100 : Math.ceil(needed)
}

/** How a heap of so many bytes is allowed, or that none is. */
export const allowing = (heap: number): string => {
  const needed = megabytesFor(heap)
  return needed > maxHeapMegabytes.maximum
    ? `Above ${maxHeapMegabytes.maximum} MB none is asked.`
    : `max_heap_mb: ${needed} looks all the same.`
}
