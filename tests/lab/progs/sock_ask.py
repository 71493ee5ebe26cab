#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Asks servers and prints the names of those that answer.

    sock_ask.py [-1c] [-n CLIENTS] [-p SECONDS] [-r ROUNDS] PORT ADDRESS...

CLIENTS (1) clients for each address ask at once, each from a socket of its own,
in ROUNDS (3) rounds, within SECONDS (15) in all.  -c: the sockets are connected.  -1: a datagram without an
answer is not repeated.  Prints a line ADDRESS NAME... for each client: the
names of the sockets that answered it, each once; "none" if a round had no
answer.
"""
import argparse
import selectors
import socket
import time

AGAIN = 0.25  # seconds until a datagram without an answer is repeated


class Client:
    """One socket and its answers."""

    def __init__(self, address, port, connected, number):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_DGRAM)
        self.peer = (address, port)
        self.connected = connected
        self.number = number
        self.names, self.round, self.asked = [], 0, 0
        if connected:
            self.sock.connect(self.peer)
        self.sock.setblocking(False)

    def text(self):
        """The datagram of this round."""
        return b"%d.%d" % (self.number, self.round)

    def ask(self):
        """Sends the datagram of this round."""
        self.asked = time.monotonic()
        try:
            if self.connected:
                self.sock.send(self.text())
            else:
                self.sock.sendto(self.text(), self.peer)
        except ConnectionRefusedError:
            pass

    def hear(self):
        """Receives; true if it is the answer of this round."""
        try:
            data, peer = self.sock.recvfrom(65536)
        except (BlockingIOError, ConnectionRefusedError):
            return False
        name, text = data.rsplit(b" ", 1)
        if text != self.text():
            return False
        if peer[:2] != self.peer:
            name += b"@" + peer[0].encode()
        if name.decode() not in self.names:
            self.names.append(name.decode())
        self.round += 1
        return True


def main():
    """Asks, and prints the names."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-1", dest="once", action="store_true")
    parser.add_argument("-c", action="store_true")
    parser.add_argument("-n", type=int, default=1)
    parser.add_argument("-p", type=float, default=15)
    parser.add_argument("-r", type=int, default=3)
    parser.add_argument("port", type=int)
    parser.add_argument("address", nargs="+")
    a = parser.parse_args()
    clients = [Client(address, a.port, a.c, i)
               for i, address in enumerate(a.address * a.n)]
    selector = selectors.DefaultSelector()
    for client in clients:
        selector.register(client.sock, selectors.EVENT_READ, client)
        client.ask()
    end = time.monotonic() + a.p
    while time.monotonic() < end and any(c.round < a.r for c in clients):
        for key, _ in selector.select(0.1):
            if key.data.hear() and key.data.round < a.r:
                key.data.ask()
        for client in clients:
            if client.round < a.r and not a.once and \
                    time.monotonic() > client.asked + AGAIN:
                client.ask()
    for client in clients:
        if client.round < a.r:
            client.names.append("none")
        print(client.peer[0], " ".join(client.names))


if __name__ == "__main__":
    main()
