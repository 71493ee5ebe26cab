#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Runs programs while a socket talks: spawns.py run ADDRESS PORT TIMES.

Python closes all descriptors between vfork(2) and execve(2).  Prints lost N, in
datagrams.
"""
import socket
import subprocess
import sys

ADDRESS, PORT, TIMES = sys.argv[2], int(sys.argv[3]), int(sys.argv[4])


def main():
    """Has one datagram echoed for each program that is run."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect((ADDRESS, PORT))
    sock.settimeout(2)
    lost = 0
    for n in range(TIMES):
        text = f"only-sealed {n}".encode()
        ran = subprocess.run(["echo", str(n)], close_fds=True, check=True,
                             capture_output=True)
        assert ran.stdout == f"{n}\n".encode(), ran.stdout
        sock.send(text)
        try:
            while sock.recv(2000) != text:
                pass
        except TimeoutError:
            lost += 1
    print("lost", lost)


main()
