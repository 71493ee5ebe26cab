#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""A program that reads late, while each datagram to it goes twice.

    sock_copies.py server PORT N MS     N datagrams, MS apart, to the first peer
    sock_copies.py client ADDRESS PORT MS

The client waits by poll(2), then MS more, and reads without waiting; once
there is nothing more it waits again.  It prints came N empty N: datagrams, and
times that poll told of one where there was none.
"""
import select
import socket
import sys
import time


def server(port, count, gap):
    """Sends numbers to who asks."""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("0.0.0.0", port))
    print("ready", flush=True)
    _, peer = s.recvfrom(100)
    for i in range(count):
        s.sendto(b"%d" % i, peer)
        time.sleep(gap)
    for i in range(10):
        s.sendto(b"end", peer)
        time.sleep(gap)


def client(address, port, late):
    """Reads until the end, and counts."""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setblocking(False)
    s.sendto(b"go", (address, port))
    p = select.poll()
    p.register(s, select.POLLIN)
    came, empty, data = 0, 0, b""
    while data != b"end":
        if not p.poll(5000):
            raise SystemExit("sock_copies: nothing comes")
        time.sleep(late)
        try:
            data = s.recv(100)
            came += data != b"end"
        except BlockingIOError:
            empty += 1
    print(f"came {came} empty {empty}")


if sys.argv[1] == "server":
    server(int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]) / 1000)
else:
    client(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]) / 1000)
