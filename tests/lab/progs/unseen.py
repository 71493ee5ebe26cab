#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Has datagrams echoed, then prints what a process can see of itself.

    unseen.py ADDRESS PORT

Prints lines: fds N SOCKETS, tasks N, child N, signals N (SIGCHLD), and slept S:
how long a sleep of 1 s lasted, since a signal would end it.
"""
import os
import signal
import socket
import sys
import time

SEEN = []
signal.signal(signal.SIGCHLD, lambda *_: SEEN.append("CHLD"))


def main():
    """Talks, then looks."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(5)
    for n in range(20):
        sock.sendto(b"%d" % n, (sys.argv[1], int(sys.argv[2])))
        sock.recv(100)
    begin = time.monotonic()
    time.sleep(1)
    slept = time.monotonic() - begin
    try:
        child = os.waitpid(-1, os.WNOHANG | 0x40000000)  # __WALL
    except ChildProcessError:
        child = "none"
    fds = os.listdir("/proc/self/fd")
    kinds = []
    for fd in fds:
        try:
            kinds.append(os.readlink(f"/proc/self/fd/{fd}").split(":")[0])
        except OSError:
            pass  # the descriptor that listdir() used
    print("fds", len(kinds), kinds.count("socket"))
    print("tasks", len(os.listdir("/proc/self/task")))
    print("child", child)
    print("signals", len(SEEN))
    print("slept", round(slept, 1))


main()
