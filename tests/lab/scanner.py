#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Sends a stranger's packets to UDP ports and counts the octets that return.

    scanner.py [--seed N] [--count N] [--pcap FILE] ADDRESS PORT ...

The packets are empty, short, long, random, zeros, ones, and well-known first
packets of other protocols.  With --pcap they are packets of records of emu,
each unchanged, truncated, lengthened, and with one bit flipped.  Prints one
line: sent N octets N answers N answered N refused N; answers counts the packets
that returned, answered their octets, refused ICMP errors.  The exit status is 1
if a packet returned.
"""
import argparse
import random
import select
import socket
import sys

import pcap

WELL_KNOWN = [
    b"\n", b"hello\n", b"\xff\xff\xff\xffgetstatus\n", b"\x1b" + bytes(47),
    # a DNS query, a STUN request, a QUIC Initial of an unknown version, SIP
    bytes.fromhex("12340100000100000000000001610000010001"),
    bytes.fromhex("000100002112a442") + bytes(12),
    bytes.fromhex("c01a2a3a4a08") + bytes(1194),
    b"OPTIONS sip:a@b SIP/2.0\r\n\r\n",
    # WireGuard's and OpenVPN's first packets
    b"\x01\0\0\0" + bytes(144), b"\x38" + bytes(13),
]
LENGTHS = [0, 1, 2, 3, 4, 7, 8, 9, 11, 12, 15, 16, 20, 24, 31, 32, 33, 47, 48,
           63, 64, 96, 100, 123, 124, 125, 128, 160, 171, 172, 173, 200, 256, 512,
           1000, 1200, 1280, 1400, 1472, 4000, 60000]


def recorded(paths):
    """The UDP payloads of the records, without repetitions, sorted."""
    return sorted({found for path in paths for packet in pcap.packets(path)
                   if (found := pcap.payload(packet))})


def bent(rng, packet):
    """A packet unchanged, truncated, lengthened, and with one bit flipped."""
    yield packet
    yield packet[:rng.randrange(len(packet))]
    yield packet + rng.randbytes(1 + rng.randrange(64))
    flipped = bytearray(packet)
    flipped[rng.randrange(len(flipped))] ^= 1 << rng.randrange(8)
    yield bytes(flipped)


def packets(rng, options):
    """All packets for a port."""
    if options.pcap:
        seen = recorded(options.pcap)
        for packet in rng.sample(seen, min(len(seen), options.count)):
            yield from bent(rng, packet)
        return
    yield from WELL_KNOWN
    for length in LENGTHS:
        yield bytes(length)
        yield b"\xff" * length
        yield rng.randbytes(length)
    for first in range(256):
        for length in (16, 32, 172, 1200):
            yield bytes([first]) + rng.randbytes(length - 1)


class Scan:
    """Counts what was sent to one port and what returned."""

    def __init__(self, address, port):
        info = socket.getaddrinfo(address, int(port), type=socket.SOCK_DGRAM,
                                  flags=socket.AI_NUMERICHOST)[0]
        self.socket = socket.socket(info[0], socket.SOCK_DGRAM)
        self.socket.connect(info[4])
        self.sent = self.octets = self.answers = self.answered = 0
        self.refused = 0

    def send(self, packet):
        """Sends one packet; receives what has arrived by then."""
        try:
            self.socket.send(packet)
            self.sent += 1
            self.octets += len(packet)
        except ConnectionRefusedError:
            self.refused += 1
        self.receive(0.0005)

    def receive(self, seconds):
        """Counts packets until none has arrived for that long."""
        while select.select([self.socket], [], [], seconds)[0]:
            try:
                data = self.socket.recv(65536)
            except ConnectionRefusedError:
                self.refused += 1
                continue
            self.answers += 1
            self.answered += len(data)


def main():
    """Scans and prints the sums."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=20151)
    parser.add_argument("--count", type=int, default=500,
                        help="of the recorded packets")
    parser.add_argument("--pcap", action="append", default=[])
    parser.add_argument("targets", nargs="+", metavar="ADDRESS PORT")
    options = parser.parse_args()
    rng = random.Random(options.seed)
    scans = [Scan(*target) for target in
             zip(options.targets[::2], options.targets[1::2])]
    for packet in packets(rng, options):
        for scan in scans:
            scan.send(packet)
    for scan in scans:
        scan.receive(1)
    total = {name: sum(getattr(s, name) for s in scans) for name in
             ("sent", "octets", "answers", "answered", "refused")}
    print(" ".join(f"{name} {n}" for name, n in total.items()))
    sys.exit(total["answers"] != 0)


if __name__ == "__main__":
    main()
