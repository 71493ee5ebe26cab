#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Sends four datagrams at a time: sock_segments.py ADDRESS PORT SIZE SECONDS [df]

Each 20 ms, by UDP_SEGMENT; with df with IP_PMTUDISC_PROBE as QUIC does, and one
by one.  Prints sent N, came N, the echoes, and refused N, the sends with EMSGSIZE.
"""
import errno
import select
import socket
import sys
import time


def main():
    """Sends and counts."""
    address, port, size, seconds, *rest = sys.argv[1:]
    size = int(size)
    v6 = ":" in address
    sock = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_DGRAM)
    if rest:
        if v6:
            sock.setsockopt(socket.IPPROTO_IPV6, 23, 3)
        else:
            sock.setsockopt(socket.IPPROTO_IP, 10, 3)
    else:
        sock.setsockopt(socket.IPPROTO_UDP, 103, size)
    sock.connect((address, int(port)))
    sock.setblocking(False)
    sent = came = refused = 0
    begin = time.monotonic()
    while True:
        left = begin + sent / 4 * 0.02 - time.monotonic()
        over = time.monotonic() > begin + float(seconds)
        if over and time.monotonic() > begin + float(seconds) + 1:
            break
        if select.select([sock], [], [], 0.1 if over else max(0, left))[0]:
            try:
                came += len(sock.recv(65536)) == size
            except OSError:
                pass
        elif not over:
            for message in [b"x" * size] * 4 if rest else [b"x" * 4 * size]:
                try:
                    sock.send(message)
                except OSError as e:
                    refused += e.errno == errno.EMSGSIZE
            sent += 4
    print("sent", sent, "\ncame", came, "\nrefused", refused)


if __name__ == "__main__":
    main()
