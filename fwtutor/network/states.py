"""The states of a TCP connection, in the words of netstat."""

from __future__ import annotations

CLOSED, SYN_SENT, SYN_RECV, ESTABLISHED = "CLOSED", "SYN_SENT", "SYN_RECV", "ESTABLISHED"
FIN_WAIT_1, FIN_WAIT_2, CLOSING, TIME_WAIT = "FIN_WAIT_1", "FIN_WAIT_2", "CLOSING", "TIME_WAIT"
CLOSE_WAIT, LAST_ACK = "CLOSE_WAIT", "LAST_ACK"
