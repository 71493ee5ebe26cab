#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""A server that is replaced by another process: echoes datagrams of a port.

    replaced.py PORT FIFO [share]

It binds the port when FIFO is closed, so that all else of its start is over then;
with SO_REUSEPORT where it is told to share the port.  Then it prints "bound".
"""
import socket
import sys

SO_RCVBUFFORCE = 33

PORT, FIFO = int(sys.argv[1]), sys.argv[2]


def main():
    """Waits, binds and serves."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    if "share" in sys.argv[3:]:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    # What its peers have said meanwhile arrives at once.
    sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 20)
    with open(FIFO, encoding="ascii") as fifo:
        fifo.read()
    sock.bind(("0.0.0.0", PORT))
    print("bound", flush=True)
    while True:
        data, peer = sock.recvfrom(65536)
        sock.sendto(data, peer)


main()
