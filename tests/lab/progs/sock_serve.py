#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""A server of several sockets; each answers with its name and the datagram.

    sock_serve.py [-f] NAME,ADDRESS,PORT[,OPTION...]...

-f: a process for each socket.  Options: reuseaddr, reuseport, v6only; reuse01
is SO_REUSEADDR as ntpd uses it: 0 but while the next socket is bound.
"""
import os
import selectors
import socket
import sys

KIND = socket.SOL_SOCKET
WILD = []  # sockets whose SO_REUSEADDR is on while others are bound


def reuse(value):
    """Sets SO_REUSEADDR of those sockets."""
    for sock in WILD:
        sock.setsockopt(KIND, socket.SO_REUSEADDR, value)


def make(spec):
    """Returns the name and the bound socket."""
    name, address, port, *options = spec.split(",")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    if "reuse01" in options:
        WILD.append(sock)
        reuse(1)
    if "reuseaddr" in options:
        sock.setsockopt(KIND, socket.SO_REUSEADDR, 1)
    if "reuseport" in options:
        sock.setsockopt(KIND, socket.SO_REUSEPORT, 1)
    if "v6only" in options:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.bind((address, int(port)))
    reuse(0)
    if sock.getsockname()[:2] != (address, int(port)):
        sys.exit(f"bound to {sock.getsockname()}, not {address} {port}")
    return name, sock


def serve(socks):
    """Answers, for ever."""
    selector = selectors.DefaultSelector()
    for name, sock in socks:
        sock.setblocking(False)
        selector.register(sock, selectors.EVENT_READ, name)
    while True:
        for key, _ in selector.select():
            try:
                data, peer = key.fileobj.recvfrom(65536)
            except BlockingIOError:
                print("readable without a datagram", flush=True)
                continue
            key.fileobj.sendto(key.data.encode() + b" " + data, peer)


def main():
    """Serves the sockets of the arguments."""
    words = sys.argv[1:]
    if words[0] != "-f":
        serve([make(spec) for spec in words])
    for spec in words[1:]:
        if os.fork() == 0:
            serve([make(spec)])
    os.wait()


if __name__ == "__main__":
    main()
