#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Echoes at an address that the host may not have: sock_foreign.py OPTION ADDRESS PORT

OPTION is free, transparent, free6 or transparent6.
"""
import socket
import sys

WAYS = {
    "free": (socket.IPPROTO_IP, 15),
    "transparent": (socket.IPPROTO_IP, 19),
    "free6": (socket.IPPROTO_IPV6, 78),
    "transparent6": (socket.IPPROTO_IPV6, 75),
}


def main():
    """Serves, for ever."""
    option, address, port = sys.argv[1:]
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.setsockopt(*WAYS[option], 1)
    sock.bind((address, int(port)))
    while True:
        data, peer = sock.recvfrom(65536)
        sock.sendto(data, peer)


if __name__ == "__main__":
    main()
