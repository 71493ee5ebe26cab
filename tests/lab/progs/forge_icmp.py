#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""An onlooker on a router: forge_icmp.py LINK TYPE CODE SECONDS

Answers each UDP packet that comes in by the link with an ICMP error of that
type and code that quotes it, while the packet itself goes on.
"""
import socket
import struct
import sys
import time


def checksum(data):
    """RFC 1071."""
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff


def main():
    """Forges, and prints how many."""
    link, kind, code, seconds = sys.argv[1:]
    heard = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
    heard.bind((link, 0x0800))
    heard.settimeout(0.2)
    out = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    end = time.monotonic() + float(seconds)
    n = 0
    print("ready", flush=True)
    while time.monotonic() < end:
        try:
            packet, where = heard.recvfrom(2000)
        except socket.timeout:
            continue
        if where[2] == 4 or packet[9] != 17:
            continue
        quote = packet[:548]
        quote += bytes(len(quote) % 2)
        head = struct.pack("!BBHI", int(kind), int(code), 0, 0)
        head = struct.pack("!BBHI", int(kind), int(code), checksum(head + quote), 0)
        out.sendto(head + quote, (socket.inet_ntoa(packet[12:16]), 0))
        n += 1
    print("forged", n)


if __name__ == "__main__":
    main()
