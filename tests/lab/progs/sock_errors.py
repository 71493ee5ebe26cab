#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""What IP_RECVERR tells: sock_errors.py ADDRESS PORT SECONDS SOCKETS [TTL]

Each socket gets an echo; then it sends each 50 ms, with the TTL if there is one.
Prints the datagrams sent and came, calls that failed, entries of the error queue,
those among them that are wrong (not about a datagram and the address of ours),
and the kinds of entries: errno/origin/type/code/offender.
"""
import collections
import select
import socket
import struct
import sys
import time

ERRQUEUE = 0x2000


class Talker:
    """A socket, and what it was told."""

    def __init__(self, to):
        self.v6 = ":" in to[0]
        self.to = to
        self.sock = socket.socket(socket.AF_INET6 if self.v6 else socket.AF_INET,
                                  socket.SOCK_DGRAM)
        level, option = (41, 25) if self.v6 else (0, 11)
        self.sock.setsockopt(level, option, 1)
        self.sock.connect(to)
        self.sock.settimeout(5)
        self.sock.send(b"first")
        self.sock.recv(100)
        self.sock.setblocking(False)
        self.data = set()

    def set_ttl(self, ttl):
        """Of what is sent from now on."""
        self.sock.setsockopt(*((41, 16) if self.v6 else (0, 2)), ttl)

    def entry(self):
        """One of the error queue: (kind, is it right), or None."""
        try:
            data, control, _, name = self.sock.recvmsg(2000, 512, ERRQUEUE)
        except OSError:
            return None
        for level, kind, value in control:
            if (level, kind) != ((41, 25) if self.v6 else (0, 11)):
                continue
            code, origin, what, how = struct.unpack("IBBB", value[:7])
            offender = (socket.inet_ntop(socket.AF_INET6, value[24:40]) if self.v6
                        else socket.inet_ntoa(value[20:24]))
            return (f"{code}/{origin}/{what}/{how}/{offender}",
                    data in self.data and name[:2] == self.to)
        return "none", False


def main():
    """Talks, and prints what it was told."""
    to = (sys.argv[1], int(sys.argv[2]))
    talkers = [Talker(to) for _ in range(int(sys.argv[4]))]
    print("ready", flush=True)
    time.sleep(1)
    for t in talkers:
        if len(sys.argv) > 5:
            t.set_ttl(int(sys.argv[5]))
    begin = time.monotonic()
    n = collections.Counter()
    kinds = collections.Counter()
    while time.monotonic() < begin + float(sys.argv[3]):
        for t in talkers:
            data = b"number %d" % n["sent"]
            n["sent"] += 1
            t.data.add(data)
            try:
                t.sock.send(data)
            except OSError:
                n["failed"] += 1
        until = time.monotonic() + 0.05
        while (left := until - time.monotonic()) > 0:
            for s in sum(select.select([t.sock for t in talkers], [], [], left)[:1], []):
                t = [t for t in talkers if t.sock is s][0]
                try:
                    t.sock.recv(2000)
                    n["came"] += 1
                except BlockingIOError:
                    pass
                except OSError:
                    n["failed"] += 1
                while (entry := t.entry()) is not None:
                    n["entries"] += 1
                    n["wrong"] += not entry[1]
                    kinds[entry[0]] += 1
    for name in ("sent", "came", "failed", "entries", "wrong"):
        print(name, n[name])
    for kind, count in kinds.items():
        print("kind", kind, count)


if __name__ == "__main__":
    main()
