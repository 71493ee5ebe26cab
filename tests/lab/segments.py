#!/usr/bin/env python3
"""segments.py - a stream of datagrams sent many at a time, of which some may be
lost: how many of the first second, and how many later.

    segments.py take PORT           prints what a stream has lost
    segments.py send ADDRESS PORT SECONDS
                                    sends 20 datagrams of 500 bytes each 10 ms, by
                                    UDP_SEGMENT
"""
import socket
import struct
import sys
import time

EACH, SIZE, GAP, UDP_SEGMENT = 20, 500, 0.01, 103
END = 0xffffffff


def take(port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    s.bind(("0.0.0.0", port))
    came = set()
    while True:
        data, peer = s.recvfrom(65536)
        n, first, every = struct.unpack("!III", data[:12])
        if n == END:
            break
        if every == 0:  # the sender asks whether we are there
            s.sendto(data, peer)
        elif len(data) == SIZE:
            came.add(n)
    print("first_sent", first, "first_lost",
          first - len([n for n in came if n < first]))
    print("later_sent", every - first, "later_lost",
          every - first - len([n for n in came if n >= first]))


def send(address, port, seconds):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.connect((address, port))
    s.settimeout(0.5)
    for _ in range(40):
        s.send(struct.pack("!III", 0, 0, 0))
        try:
            s.recv(100)
            break
        except OSError:
            pass
    s.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, SIZE)
    n, first, start = 0, 0, time.monotonic()
    while time.monotonic() < start + seconds:
        if first == 0 and time.monotonic() > start + 1:
            first = n
        s.send(b"".join(struct.pack("!III", n + i, 0, 1).ljust(SIZE, b"x")
                        for i in range(EACH)))
        n += EACH
        time.sleep(max(0, start + n / EACH * GAP - time.monotonic()))
    time.sleep(0.5)
    s.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 0)
    for _ in range(5):
        s.send(struct.pack("!III", END, first, n))
        time.sleep(0.05)
    print("sent", n)


if sys.argv[1] == "take":
    take(int(sys.argv[2]))
else:
    send(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
