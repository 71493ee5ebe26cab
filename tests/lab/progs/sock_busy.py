#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Two workers share a port; while the second joins it, somebody holds the lock.

    sock_busy.py PORT

The first maps the port's arena as its library has it, and is the holder for a
third of a second, as one that the scheduler stopped would be.  Each answers with
its name and what it was sent.
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
    """The library's mapping, once more."""
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
    """Whoever asks, for ever."""
    while True:
        data, peer = s.recvfrom(2048)
        s.sendto(name + b" " + data, peer)


def main():
    """Joins, is in the way, joins again."""
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
