/**
 * Operations of control messages: the first element of the control tuple.
 * Source: erts "Distribution Protocol", "Distribution message list".
 */
export const Op = {
  LINK: 1,
  SEND: 2,
  UNLINK: 4,
  REG_SEND: 6,
  SEND_TT: 12,
  MONITOR_P: 19,
  DEMONITOR_P: 20,
  SEND_SENDER: 22,
  SEND_SENDER_TT: 23,
  PAYLOAD_EXIT: 24,
  PAYLOAD_EXIT_TT: 25,
  PAYLOAD_EXIT2: 26,
  PAYLOAD_MONITOR_P_EXIT: 28,
  SPAWN_REQUEST: 29,
  SPAWN_REQUEST_TT: 30,
  SPAWN_REPLY: 31,
  SPAWN_REPLY_TT: 32,
  ALIAS_SEND: 33,
  ALIAS_SEND_TT: 34,
  UNLINK_ID: 35,
  UNLINK_ID_ACK: 36
} as const
