#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Counts nonces that were used twice: repeats.py PCAP...

The first 12 octets of a packet of a session, its id and nonce, must not repeat in
any other packet on any link.  In a CHILD they come after 16 octets of its own, and
count together with those of the packets that follow it under the same key.  Prints: packets N repeated N differ N; differ
counts the repeated ones whose packets are not identical.
"""
import collections
import struct
import sys


def payloads(path):
    """The UDP payloads of a record of raw IP."""
    with open(path, "rb") as record:
        data = record.read()
    at = 24
    while at + 16 <= len(data):
        length = struct.unpack_from("=I", data, at + 8)[0]
        packet = data[at + 16:at + 16 + length]
        at += 16 + length
        if packet[0] >> 4 == 4 and packet[9] == 17:
            yield packet[(packet[0] & 15) * 4 + 8:]
        elif packet[0] >> 4 == 6 and packet[6] == 17:
            yield packet[48:]


CHILD = bytes.fromhex("9d4ec2b704")  # magic and type: PROTOCOL.md 2


SEEN = collections.Counter()
WHOLE = collections.defaultdict(set)
for file in sys.argv[1:]:
    for p in payloads(file):
        if p.startswith(CHILD):
            p = p[16:]
        if len(p) > 28:
            SEEN[p[:12]] += 1
            WHOLE[p[:12]].add(p)
print("packets", SEEN.total(), "repeated", sum(n - 1 for n in SEEN.values()),
      "differ", sum(len(w) - 1 for w in WHOLE.values()))
