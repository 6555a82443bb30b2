/**
 * The codes by which the operating system says that this machine has not enough of something to open one more connection,
 * wherever that leads. Of ports and addresses of its own, `EADDRNOTAVAIL`, there may be none for one place alone.
 */
export const shortages: ReadonlySet<string> = new Set(["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"])
