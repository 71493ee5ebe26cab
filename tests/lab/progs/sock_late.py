#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""What a new socket receives on the port of a socket that was closed.

    sock_late.py serve PORT      answers at once and three times later
    sock_late.py ask PORT ADDRESS PORT HOW

HOW says what the new socket is: free (not connected), same (connected to the
same peer) or other (to another peer).
"""
import socket
import sys
import threading

LATER = 0.3, 1, 3  # seconds until the late answers
PATIENCE = 5  # seconds until `nothing' is printed


def bound(port):
    """A socket bound to the port."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("0.0.0.0", port))
    return sock


def serve(port):
    """Answers; a late answer contains its delay."""
    sock = bound(port)
    while True:
        data, peer = sock.recvfrom(100)
        sock.sendto(data, peer)
        for after in LATER:
            threading.Timer(after, sock.sendto,
                            (b"%s %.1f" % (data, after), peer)).start()


def ask(port, peer, how):
    """Closes a socket after its first answer, then opens another one."""
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
