#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""A socket moves between interfaces: sock_redevice.py ADDRESS PORT LINK...

Binds it to each link in turn (SO_BINDTODEVICE; `free' frees it), and there asks
four times.  Prints each link and how many answers came, and all of them.
"""
import socket
import sys
import time


def main():
    """Asks, and counts."""
    address, port, *links = sys.argv[1:]
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(1.5)
    least = 4
    for link in links:
        name = b"" if link == "free" else link.encode()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name + b"\0")
        came = 0
        for _ in range(4):
            try:
                sock.sendto(b"question", (address, int(port)))
                sock.recv(100)
                came += 1
            except OSError as e:
                print(link, e)
            time.sleep(0.5)
        print("answers by", link, came, flush=True)
        least = min(least, came)
    print("least", least)


if __name__ == "__main__":
    main()
