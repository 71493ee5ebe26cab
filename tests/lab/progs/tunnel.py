#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""A plain tunnel: tunnel.py LINK ADDRESS PEER PORT, or - for PEER: a server.

Makes the interface LINK, and sends what comes from it to the peer by UDP, and
back.
"""
import fcntl
import os
import select
import socket
import struct
import subprocess
import sys


def main():
    """Carries packets, for ever."""
    link, address, to, port = sys.argv[1:]
    tun = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tun, 0x400454ca, struct.pack("16sH22x", link.encode(), 0x1001))
    for command in (f"addr add {address}/24 dev {link}", f"link set {link} up mtu 1300"):
        subprocess.run(["ip", *command.split()], check=True)
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer = None
    if to == "-":
        sock.bind(("0.0.0.0", int(port)))
    else:
        peer = (to, int(port))
        sock.sendto(b"", peer)
    print("up", flush=True)
    while True:
        ready = select.select([sock, tun], [], [])[0]
        if sock in ready:
            try:
                data, peer = sock.recvfrom(65536)
            except OSError:
                continue
            if data:
                os.write(tun, data)
        if tun in ready:
            data = os.read(tun, 65536)
            try:
                if peer:
                    sock.sendto(data, peer)
            except OSError:
                pass


if __name__ == "__main__":
    main()
