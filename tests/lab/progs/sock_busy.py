#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Two workers share a port; while the second attaches, the lock is held.

    sock_busy.py PORT

The first worker maps the port's arena and holds its lock for 0.3 s, as if the
scheduler had stopped it within a call.  Each worker answers a datagram with its
name and the datagram.
"""
import glob
import mmap
import os
import socket
import struct
import sys
import threading
import time

LOCK = 80  # offset of `lock' in struct arena


def arena():
    """Maps the library's arena a second time."""
    for path in glob.glob("/proc/self/map_files/*"):
        if "memfd:" in os.readlink(path):
            with open(path, "r+b", buffering=0) as f:
                memory = mmap.mmap(f.fileno(), 4096)
            if memory[:4] == b"mpsh":
                return memory
    raise SystemExit("sock_busy: no arena is mapped")


def bound(port):
    """A worker's socket."""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    s.bind(("0.0.0.0", port))
    return s


def answer(s, name):
    """Answers every datagram, for ever."""
    while True:
        data, peer = s.recvfrom(2048)
        s.sendto(name + b" " + data, peer)


def main():
    """Binds, holds the lock while a child binds, and releases it."""
    port = int(sys.argv[1])
    first = bound(port)
    memory = arena()
    free = memory[LOCK:LOCK + 4]
    memory[LOCK:LOCK + 4] = struct.pack("=I", threading.get_native_id())
    if os.fork() == 0:
        second = bound(port)
        print("joined", flush=True)
        answer(second, b"second")
    time.sleep(0.3)
    memory[LOCK:LOCK + 4] = free
    answer(first, b"first")


main()
