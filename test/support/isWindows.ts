import process from "node:process"

/** Whether this is Windows, which has no modes of files, no FIFOs no signals: what is about these is not tested there. */
export const isWindows = process.platform === "win32"
