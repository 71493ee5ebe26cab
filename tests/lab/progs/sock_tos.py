#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Sends datagrams with a TOS and a TTL; tells with which ones they arrive.

    sock_tos.py hear ADDRESS PORT
    sock_tos.py say ADDRESS PORT WAY N

ADDRESS of `hear' is the wildcard to bind.  It prints a line for each datagram:
its text, TOS and TTL.  WAY is `set' (by setsockopt), `message' (by control
messages), `segments' (four at once by UDP_SEGMENT) or `default'.  N datagrams
leave, 5 ms apart.
"""
import socket
import struct
import sys
import time

TOS, TTL = 0xB8, 33
IP_RECVTTL, UDP_SEGMENT = 12, 103  # which the module lacks
PAUSE_S = 0.005
FOUR = 4
IPV6 = ":" in sys.argv[2]
LEVEL = socket.IPPROTO_IPV6 if IPV6 else socket.IPPROTO_IP
SET = (
    (socket.IPV6_TCLASS, socket.IPV6_UNICAST_HOPS)
    if IPV6
    else (socket.IP_TOS, socket.IP_TTL)
)
MESSAGE = (socket.IPV6_TCLASS, socket.IPV6_HOPLIMIT) if IPV6 else SET


def hear(sock, address, port):
    """Says what arrives until it is killed."""
    if IPV6:
        sock.setsockopt(LEVEL, socket.IPV6_RECVTCLASS, 1)
        sock.setsockopt(LEVEL, socket.IPV6_RECVHOPLIMIT, 1)
    else:
        sock.setsockopt(LEVEL, socket.IP_RECVTOS, 1)
        sock.setsockopt(LEVEL, IP_RECVTTL, 1)
    sock.bind((address, port))
    while True:
        data, messages, _, _ = sock.recvmsg(2048, 256)
        got = {}
        for _, kind, value in messages:
            got[kind] = int.from_bytes(value, sys.byteorder)
        tos, ttl = MESSAGE
        print(data.decode().rstrip("."), got.get(tos), got.get(ttl), flush=True)


def say(sock, to, way, count):
    """Sends the datagrams."""
    ask = []
    if way in ("set", "segments"):
        sock.setsockopt(LEVEL, SET[0], TOS)
        sock.setsockopt(LEVEL, SET[1], TTL)
    elif way == "message":
        ask = [(LEVEL, t, struct.pack("i", v))
               for t, v in zip(MESSAGE, (TOS, TTL))]
    step = FOUR if way == "segments" else 1
    for first in range(0, count, step):
        texts = [f"{way}-{n}".ljust(100, ".").encode()
                 for n in range(first, first + step)]
        if step > 1:
            ask = [(socket.IPPROTO_UDP, UDP_SEGMENT, struct.pack("H", 100))]
        sock.sendmsg([b"".join(texts)], ask, 0, to)
        time.sleep(PAUSE_S * step)


def main():
    """One side or the other."""
    sock = socket.socket(
        socket.AF_INET6 if IPV6 else socket.AF_INET, socket.SOCK_DGRAM)
    address, port = sys.argv[2], int(sys.argv[3])
    if sys.argv[1] == "hear":
        hear(sock, address, port)
    else:
        say(sock, (address, port), sys.argv[4], int(sys.argv[5]))


main()
