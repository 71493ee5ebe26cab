#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Opens sockets until one is refused, and closes the others.

    full.py ADDRESS PORT    prints how many got an answer before, and whether the
                            refused one got one within 5 s after
"""
import socket
import sys
import time

peer = (sys.argv[1], int(sys.argv[2]))


def ask(sock):
    sock.settimeout(2)
    sock.sendto(b"x", peer)
    return sock.recv(100) == b"x"


served, refused = [], None
while refused is None:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        ask(sock)
        served.append(sock)
    except PermissionError:
        refused = sock
for sock in served:
    sock.close()
end, answer = time.monotonic() + 5, False
while not answer and time.monotonic() < end:
    try:
        answer = ask(refused)
    except PermissionError:
        time.sleep(0.1)
print("served:", len(served), "refused:", "answered" if answer else "for good")
