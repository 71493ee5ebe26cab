#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""What a program sees of a port that is closed.

    sock_refused.py ADDRESS...       how long until ECONNREFUSED, in ms
    sock_refused.py later ADDRESS    asks port 7002 until it is open
"""
import select
import socket
import sys
import time

CLOSED = 7099


def connected(address, port):
    """A socket with a peer."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.connect((address, port))
    return sock


def by_recv(address):
    """A blocked recv ends."""
    sock = connected(address, CLOSED)
    sock.settimeout(5)
    begin = time.monotonic()
    sock.send(b"x")
    try:
        sock.recv(1)
    except ConnectionRefusedError:
        return (time.monotonic() - begin) * 1000
    return "never"


def by_send(address):
    """A program that only sends."""
    sock = connected(address, CLOSED)
    begin = time.monotonic()
    while time.monotonic() < begin + 5:
        try:
            sock.send(b"x")
        except ConnectionRefusedError:
            return (time.monotonic() - begin) * 1000
        time.sleep(0.02)
    return "never"


def woken(address):
    """How often one that is not connected is readable, or in error."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.sendto(b"x", (address, CLOSED))
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return len(poll.poll(2000))


def later(address):
    """Goes on until somebody answers."""
    sock = connected(address, 7002)
    sock.settimeout(0.2)
    refused = False
    while True:
        try:
            sock.send(b"x")
            sock.recv(1)
            print("answered", flush=True)
            return
        except ConnectionRefusedError:
            if not refused:
                print("refused", flush=True)
            refused = True
        except TimeoutError:
            pass


def main():
    """As the words say."""
    if sys.argv[1] == "later":
        later(sys.argv[2])
        return
    for address in sys.argv[1:]:
        family = 6 if ":" in address else 4
        print(f"recv-{family} {by_recv(address)}")
        print(f"send-{family} {by_send(address)}")
    print("woken", woken(sys.argv[1]))


if __name__ == "__main__":
    main()
