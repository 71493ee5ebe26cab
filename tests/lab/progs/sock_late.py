#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""What a new socket hears on the port of one that was closed.

    sock_late.py serve PORT                 answers at once, and thrice later
    sock_late.py ask PORT ADDRESS PORT HOW  HOW: free, same (peer), other
"""
import socket
import sys
import threading

LATER = 0.3, 1, 3  # s
PATIENCE = 5  # s without an answer


def bound(port):
    """A socket at that port."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("0.0.0.0", port))
    return sock


def serve(port):
    """Answers; the late ones bear their time."""
    sock = bound(port)
    while True:
        data, peer = sock.recvfrom(100)
        sock.sendto(data, peer)
        for after in LATER:
            threading.Timer(after, sock.sendto,
                            (b"%s %.1f" % (data, after), peer)).start()


def ask(port, peer, how):
    """A socket that is answered and closed, then another one."""
    sock = bound(port)
    sock.sendto(b"old", peer)
    print("first", sock.recv(100))
    sock.close()
    sock = bound(port)
    if how != "free":
        sock.connect(peer if how == "same" else (peer[0], peer[1] + 1))
    sock.settimeout(PATIENCE)
    for _ in LATER:
        try:
            print("then", *sock.recvfrom(100)[:1])
        except TimeoutError:
            print("nothing")
            break


if sys.argv[1] == "serve":
    serve(int(sys.argv[2]))
else:
    ask(int(sys.argv[2]), (sys.argv[3], int(sys.argv[4])), sys.argv[5])
