/** EPMD listens here unless told otherwise (`ERL_EPMD_PORT`). */
export const defaultEpmdPort = 4369
