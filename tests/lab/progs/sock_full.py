#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Sends from a socket whose buffer is full now and then.

    sock_full.py ADDRESS PORT ABSENT

Sends to a peer that echoes.  What it sends to ABSENT, a neighbour whom nobody
is, stays in the buffer until the kernel has given the neighbour up.  Prints how
long the longest send to the peer took, and how many echoes arrived.
"""
import socket
import struct
import sys
import threading
import time

GAP = 0.02  # seconds between two sends
BEFORE, AFTER = 100, 50  # sends before and after each full buffer
TIMES = 2
echoes = []


def read(sock):
    """Reads until nothing arrives for 5 s."""
    while True:
        try:
            echoes.append(sock.recv(2000))
        except BlockingIOError:
            return


def fill(sock, absent):
    """Fills the buffer."""
    try:
        while True:
            sock.sendto(b"x" * 500, socket.MSG_DONTWAIT, absent)
    except BlockingIOError:
        return


def send(sock, peer, count):
    """Sends to the peer; returns how long the longest send took."""
    longest = 0
    for _ in range(count):
        before = time.monotonic()
        sock.sendto(b"x" * 500, peer)
        longest = max(longest, time.monotonic() - before)
        time.sleep(GAP)
    return longest


def main():
    """Sends for a while."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    # settimeout() would make sends non-blocking, too.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO,
                    struct.pack("ll", 5, 0))
    peer = sys.argv[1], int(sys.argv[2])
    sock.sendto(b"first", peer)
    reader = threading.Thread(target=read, args=(sock,))
    reader.start()
    longest = 0
    for _ in range(TIMES):
        send(sock, peer, BEFORE)
        fill(sock, (sys.argv[3], peer[1]))
        longest = max(longest, send(sock, peer, AFTER))
    reader.join()
    print("longest", "%.3f" % longest, "unanswered",
          TIMES * (BEFORE + AFTER) + 1 - len(echoes))


main()
