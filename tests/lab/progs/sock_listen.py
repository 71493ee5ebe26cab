#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""A server that connects its listening socket and binds another.

    sock_listen.py [-f] [-s] ADDRESS PORT

-f: a process for each client, as socat does; else one process for all, as
iperf3 and openssl.  -s: 20 ms pass before the next socket is bound.  Each
connected socket has a name; it answers with the name and the datagram.
"""
import os
import selectors
import socket
import sys
import time

SLOW = "-s" in sys.argv
FORKS = "-f" in sys.argv
# A packet for another socket of the port may make this one readable.
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
    """Connects it to the first sender; the datagram stays in the queue."""
    _, peer = sock.recvfrom(1, socket.MSG_PEEK)
    sock.connect(peer)
    if sock.getpeername() != peer:
        sys.exit("another peer than the one connected to")


def answer(sock, name):
    """Answers one datagram."""
    try:
        data = sock.recv(65536, FLAGS)
        sock.send(name + b" " + data)
    except (BlockingIOError, ConnectionRefusedError):
        print("no datagram", flush=True)


def forking(address):
    """Serves each client by a process."""
    n = 0
    sock = listen(address)
    while True:
        sock.recvfrom(1, socket.MSG_PEEK)
        n += 1
        if os.fork() == 0:
            accept(sock)
            while True:
                answer(sock, b"p%d" % n)
        # Until the child receives the datagram, the parent has it queued, too.
        sock.close()
        sock = listen(address)


def alone(address):
    """Serves all clients by one process."""
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
    """Serves as the options say."""
    words = [w for w in sys.argv[1:] if w not in ("-f", "-s")]
    address = (words[0], int(words[1]))
    if FORKS:
        forking(address)
    alone(address)


if __name__ == "__main__":
    main()
