#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""What a program sees of a closed port.

    sock_refused.py ADDRESS...       prints the ms until ECONNREFUSED
    sock_refused.py later ADDRESS    sends to port 7002 until it is open
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
    """How long a blocking recv lasts until the error."""
    sock = connected(address, CLOSED)
    sock.settimeout(5)
    begin = time.monotonic()
    sock.send(b"x")
    try:
        sock.recv(1)
    except ConnectionRefusedError:
        return round((time.monotonic() - begin) * 1000, 1)
    return "never"


def by_send(address):
    """How long a program that only sends waits for the error."""
    sock = connected(address, CLOSED)
    begin = time.monotonic()
    while time.monotonic() < begin + 5:
        try:
            sock.send(b"x")
        except ConnectionRefusedError:
            return round((time.monotonic() - begin) * 1000, 1)
        time.sleep(0.02)
    return "never"


def woken(address):
    """1 if a socket that is not connected becomes ready within 2 s, else 0."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.sendto(b"x", (address, CLOSED))
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return len(poll.poll(2000))


def later(address):
    """Sends until a datagram is answered."""
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
    """Prints a line for each case."""
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
