/**
 * Words of heap up to which is copied out of a process what a program keeps there: its label, its dictionary, the value of
 * a key. The process itself makes the copy, in full and before any limit of ours counts, and what is shared there gets one
 * for each reference: of a heap of 4 MB, 10 GB were made, and the node was gone. So many words make some 540 MB at worst by
 * plain sharing, and nobody outside of the process can know. The agent has the same figure (beamscope_copied.hrl).
 *
 * What OTP and Elixir keep there for themselves is small, and is read of every process: `$initial_call`, `$ancestors`,
 * `$callers`.
 */
export const copiedHeapWords = 16_384
