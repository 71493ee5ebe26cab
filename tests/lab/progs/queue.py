#!/usr/bin/env python3
"""How many datagrams does a socket keep for a program that does not read?

    queue.py take PORT NAME   prints, for each length, how many it kept
    queue.py send ADDRESS PORT NAME

The taker sets no, a small and a large buffer; the sender sends more of each
length than fit, as fast as it may without being in a hurry, and says so by a
file NAME and a number.
"""
import os
import socket
import sys
import time

# The kernel's memory comes in sizes: near some lengths a few bytes more count
# twice.
NEAR = (20, 200, 220, 240, 260, 520, 540, 560, 580, 600, 620, 1200)
# SO_RCVBUF (0: as it is), lengths, how many of each are sent.
ROUNDS = ((0, (300, 1200), 3000), (100000, NEAR, 600))
GAP = 0.00005


def udp():
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def kept(s, length):
    """Reads what waits: how many datagrams of that length."""
    n = 0
    s.setblocking(False)
    try:
        while True:
            n += len(s.recv(65536)) == length
    except BlockingIOError:
        s.setblocking(True)
        return n


def name_of(name, room, length):
    return f"{name}.{room}.{length}"


def take(port, name):
    s = udp()
    s.bind(("0.0.0.0", port))
    for room, lengths, n in ROUNDS:
        for length in lengths:
            _, sender = s.recvfrom(100)
            if room and length == lengths[0]:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
            size = s.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
            s.sendto(b"go", sender)
            while not os.path.exists(name_of(name, room, length)):
                time.sleep(0.02)
            time.sleep(0.2)
            print("buffer", size, "length", length, "kept", kept(s, length),
                  flush=True)
            s.sendto(b"done", sender)


def send(address, port, name):
    s = udp()
    s.connect((address, port))
    s.settimeout(10)
    for room, lengths, n in ROUNDS:
        for length in lengths:
            s.send(b"ready")
            s.recv(10)
            for _ in range(n):
                s.send(bytes(length))
                time.sleep(GAP)
            with open(name_of(name, room, length), "wb"):
                pass
            s.recv(10)


if sys.argv[1] == "take":
    take(int(sys.argv[2]), sys.argv[3])
else:
    send(sys.argv[2], int(sys.argv[3]), sys.argv[4])
