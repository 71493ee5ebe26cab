#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""A client that is bound to an interface: sock_device.py LINK ADDRESS PORT

Sends 200 datagrams, at most 100 per second, and prints came N, the echoes.
"""
import socket
import sys
import time


def main():
    """Sends, and counts the echoes."""
    link, address, port = sys.argv[1:]
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, link.encode())
    sock.settimeout(2)
    came = 0
    for i in range(200):
        sock.sendto(b"%d" % i, (address, int(port)))
        try:
            came += sock.recv(100).endswith(b" %d" % i)
        except TimeoutError:
            pass
        time.sleep(0.01)
    print("came", came)


if __name__ == "__main__":
    main()
