#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Asks a server that echoes, once per line of its output.

    ask.py ADDRESS PORT TIMES [PAUSE]    prints the answers, then the errors
"""
import socket
import sys
import time

address, port, times = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
pause = float(sys.argv[4]) if len(sys.argv) > 4 else 0
family = socket.AF_INET6 if ":" in address else socket.AF_INET
sock = socket.socket(family, socket.SOCK_DGRAM)
sock.settimeout(4)
answers, errors = 0, []
for k in range(times):
    try:
        sock.sendto(b"%d" % k, (address, port))
        answers += sock.recv(100) == b"%d" % k
    except OSError as e:
        errors.append(type(e).__name__)
    time.sleep(pause)
print("answers:", answers, "errors:", *errors, flush=True)
