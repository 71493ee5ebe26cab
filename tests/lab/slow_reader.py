#!/usr/bin/env python3
"""slow_reader.py - a program that reads more slowly than its peer sends.

    slow_reader.py take PORT        reads 50 datagrams each 10 ms at most
    slow_reader.py send ADDRESS PORT SECONDS
                                    sends 20 of 1000 bytes each 2 ms, by
                                    UDP_SEGMENT; prints how many were read
"""
import socket
import sys
import time

EACH, SIZE, GAP, UDP_SEGMENT = 20, 1000, 0.002, 103
ASK = b"how many"


def take(port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("0.0.0.0", port))
    came = 0
    while True:
        data, peer = s.recvfrom(65536)
        if data == ASK:
            s.sendto(str(came).encode(), peer)
            continue
        came += 1
        if came % 50 == 0:
            time.sleep(0.01)


def ask(s):
    for _ in range(40):
        s.send(ASK)
        try:
            return int(s.recv(100))
        except OSError:
            pass
    sys.exit("no answer")


def send(address, port, seconds):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.connect((address, port))
    s.settimeout(0.5)
    ask(s)
    s.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, SIZE)
    n, start = 0, time.monotonic()
    while time.monotonic() < start + seconds:
        s.send(bytes(EACH * SIZE))
        n += EACH
        time.sleep(max(0, start + n / EACH * GAP - time.monotonic()))
    s.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 0)
    time.sleep(1)
    print("sent", n, "came", ask(s))


if sys.argv[1] == "take":
    take(int(sys.argv[2]))
else:
    send(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
