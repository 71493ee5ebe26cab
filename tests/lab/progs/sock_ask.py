#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Asks servers, and prints who answers: a line ADDRESS NAMES for each client.

    sock_ask.py [-1c] [-n CLIENTS] [-r ROUNDS] PORT ADDRESS...

All clients (1) ask at once, each in ROUNDS (3) rounds, from a socket of its
own; -c: connected; -1: nobody asks again what is not answered.  NAMES has each name once; "none" where nobody answers.
"""
import argparse
import selectors
import socket
import time

PATIENCE = 15
AGAIN = 0.25  # until what is not answered is asked again


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
        """What it asks in this round."""
        return b"%d.%d" % (self.number, self.round)

    def ask(self):
        """Once."""
        self.asked = time.monotonic()
        try:
            if self.connected:
                self.sock.send(self.text())
            else:
                self.sock.sendto(self.text(), self.peer)
        except ConnectionRefusedError:
            pass

    def hear(self):
        """Takes an answer: is it the one?"""
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
    """As the words say."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-1", dest="once", action="store_true")
    parser.add_argument("-c", action="store_true")
    parser.add_argument("-n", type=int, default=1)
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
    end = time.monotonic() + PATIENCE
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
