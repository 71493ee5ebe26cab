#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""What control packets cost, from the records of emu.

    frames.py FROM TO FILE...

Counts, between the times FROM and TO (seconds since the epoch), the packets of
mpshim in Ethernet frames as the paper's Figure 6 does: an IP packet and a head
of 14 octets.  Prints for each direction, `up' being towards the address with
the lower port, NAME VALUE pairs: octets of control frames per second, control
packets, data packets.
"""
import struct
import sys

from pcap import FILE_HEAD, PACKET_HEAD, payload

ETHERNET = 14  # octets
NANO = 1e9


def timed(path):
    """The time and bytes of each IP packet of a record."""
    with open(path, "rb") as f:
        data = f.read()
    at = FILE_HEAD
    while at + PACKET_HEAD <= len(data):
        sec, nano, length = struct.unpack_from("=III", data, at)
        at += PACKET_HEAD
        yield sec + nano / NANO, data[at:at + length]
        at += length


def ports(packet):
    """The source and destination ports of a UDP packet."""
    at = (packet[0] & 15) * 4 if packet[0] >> 4 == 4 else 40
    return struct.unpack_from("!HH", packet, at)


def main():
    """Prints the line."""
    first, last = float(sys.argv[1]), float(sys.argv[2])
    octets, control, data = [0, 0], [0, 0], [0, 0]
    for path in sys.argv[3:]:
        for time, packet in timed(path):
            body = payload(packet)
            if body is None or not first <= time < last:
                continue
            source, target = ports(packet)
            way = 0 if source > target else 1
            if len(body) > 3 and body[3] & 1 == 0:
                data[way] += 1
                continue
            control[way] += 1
            octets[way] += ETHERNET + len(packet)
    for way, name in enumerate(("up", "down")):
        print("%s %.0f %s-control %d %s-data %d" % (
            name, octets[way] / (last - first), name, control[way], name,
            data[way]), end=" ")
    print()


main()
