#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""A server that connects its listening socket and binds another.

    sock_listen.py [-f] [-s] ADDRESS PORT

-f: as socat, a process connects and serves the one client; else as iperf3 and
openssl, all in one process.  -s: it takes a while from the one socket to the
next.  Each connected socket has a name, and
answers with it and with what came.
"""
import os
import selectors
import socket
import sys
import time

SLOW = "-s" in sys.argv
FORKS = "-f" in sys.argv
# A packet of another's may wake one that shares the port with him.
FLAGS = 0 if FORKS else socket.MSG_DONTWAIT


def listen(address):
    """The port's next listening socket."""
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    if SLOW:
        time.sleep(0.02)
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(address)
    return sock


def accept(sock):
    """Connects it to who sends first; the datagram stays to be read."""
    _, peer = sock.recvfrom(1, socket.MSG_PEEK)
    sock.connect(peer)
    if sock.getpeername() != peer:
        sys.exit("another peer than the one connected to")


def answer(sock, name):
    """One datagram."""
    try:
        data = sock.recv(65536, FLAGS)
        sock.send(name + b" " + data)
    except (BlockingIOError, ConnectionRefusedError):
        print("no datagram", flush=True)


def forking(address):
    """A process for each client."""
    n = 0
    sock = listen(address)
    while True:
        sock.recvfrom(1, socket.MSG_PEEK)
        n += 1
        if os.fork() == 0:
            accept(sock)
            while True:
                answer(sock, b"p%d" % n)
        # The child takes the datagram away; till then it is the parent's too.
        sock.close()
        sock = listen(address)


def alone(address):
    """One process."""
    selector = selectors.DefaultSelector()
    sock = listen(address)
    selector.register(sock, selectors.EVENT_READ, b"")
    n = 0
    while True:
        for key, _ in selector.select():
            if key.fileobj is not sock:
                answer(key.fileobj, key.data)
                continue
            accept(sock)
            n += 1
            selector.modify(sock, selectors.EVENT_READ, b"s%d" % n)
            sock = listen(address)
            selector.register(sock, selectors.EVENT_READ, b"")


def main():
    """As the words say."""
    words = [w for w in sys.argv[1:] if w not in ("-f", "-s")]
    address = (words[0], int(words[1]))
    if FORKS:
        forking(address)
    alone(address)


if __name__ == "__main__":
    main()
