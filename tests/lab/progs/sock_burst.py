#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""A device that is full: sock_burst.py ADDRESS PORT SECONDS

A socket with IP_RECVERR gets an echo, prints ready, and then sends without a
pause.  Prints sent N, full N, the sends with ENOBUFS, and other N, other errors.
"""
import errno
import socket
import sys
import time


def main():
    """Sends, and counts."""
    address, port, seconds = sys.argv[1:]
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.IPPROTO_IP, 11, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    sock.connect((address, int(port)))
    sock.settimeout(5)
    sock.send(b"first")
    sock.recv(100)
    print("ready", flush=True)
    time.sleep(1)
    sock.setblocking(False)
    sent = full = other = 0
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        try:
            sock.send(b"x" * 100)
            sent += 1
        except BlockingIOError:
            time.sleep(0.001)
        except OSError as e:
            full += e.errno == errno.ENOBUFS
            other += e.errno != errno.ENOBUFS
    print("sent", sent, "\nfull", full, "\nother", other)


if __name__ == "__main__":
    main()
