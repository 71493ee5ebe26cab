#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Reads the records of emu.

    pcap.py FILE...     prints a line PACKETS FROM TO for each pair of addresses
"""
import collections
import ipaddress
import struct
import sys

FILE_HEAD, PACKET_HEAD = 24, 16
UDP = 17


def packets(path):
    """Each IP packet of a record."""
    with open(path, "rb") as f:
        data = f.read()
    at = FILE_HEAD
    while at + PACKET_HEAD <= len(data):
        length = struct.unpack_from("=I", data, at + 8)[0]
        at += PACKET_HEAD
        yield data[at:at + length]
        at += length


def payload(packet):
    """The UDP payload of a packet, or None."""
    if packet[0] >> 4 == 4 and packet[9] == UDP:
        return packet[(packet[0] & 15) * 4 + 8:]
    if packet[0] >> 4 == 6 and packet[6] == UDP:
        return packet[48:]
    return None


def addresses(packet):
    """The source and destination addresses of a packet."""
    first, size = (12, 4) if packet[0] >> 4 == 4 else (8, 16)
    return tuple(str(ipaddress.ip_address(packet[at:at + size]))
                 for at in (first, first + size))


def main():
    """Counts the packets of each pair."""
    pairs = collections.Counter(addresses(packet) for path in sys.argv[1:]
                                for packet in packets(path))
    for (source, target), count in sorted(pairs.items()):
        print(count, source, target)


if __name__ == "__main__":
    main()
