#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Echoes datagrams, and prints each new answer of PKTINFO.

    sock_pktinfo.py ADDRESS PORT

ADDRESS is the one to bind, a wildcard or one of this host's.  A line is the
interface, the address that the datagram was sent to, and the sender's.
"""
import socket
import struct
import sys

IP_PKTINFO = 8  # of linux/in.h, which the module lacks
IPV6 = ":" in sys.argv[1]


def told(messages):
    """The interface and the address of a datagram's PKTINFO."""
    for level, kind, data in messages:
        if (level, kind) == (socket.IPPROTO_IP, IP_PKTINFO):
            index, _, to = struct.unpack("i4s4s", data)
            return index, socket.inet_ntop(socket.AF_INET, to)
        if (level, kind) == (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO):
            to, index = struct.unpack("16si", data)
            return index, socket.inet_ntop(socket.AF_INET6, to)
    return 0, "nothing"


def main():
    """Answers until it is killed."""
    family = socket.AF_INET6 if IPV6 else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    if IPV6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
    sock.bind((sys.argv[1], int(sys.argv[2])))
    last = None
    while True:
        data, messages, _, sender = sock.recvmsg(2048, 256)
        index, to = told(messages)
        name = socket.if_indextoname(index) if index else "none"
        now = f"{name} {to} from {sender[0]}"
        if now != last:
            print(now, flush=True)
            last = now
        sock.sendto(data, sender)


main()
