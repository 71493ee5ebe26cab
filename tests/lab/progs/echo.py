#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Echoes datagrams, or sends lines and prints the echoes.

    echo.py sockets|asyncio server ADDRESS PORT
    echo.py sockets|asyncio client ADDRESS PORT     lines on standard input
"""
import asyncio
import os
import selectors
import socket
import sys


def family(address):
    """The family of an address in text form."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def sockets_server(address):
    """Echoes by blocking calls: recvfrom and recvmsg_into in turn."""
    sock = socket.socket(family(address[0]), socket.SOCK_DGRAM)
    sock.bind(address)
    buffer = bytearray(65536)
    while True:
        data, peer = sock.recvfrom(65536)
        sock.sendto(data, peer)
        n, _, _, peer = sock.recvmsg_into([buffer])
        sock.sendmsg([buffer[:n // 2], buffer[n // 2:n]], [], 0, peer)


def sockets_client(address):
    """Sends and receives by a connected, nonblocking socket."""
    sock = socket.socket(family(address[0]), socket.SOCK_DGRAM)
    sock.connect(address)
    sock.setblocking(False)
    selector = selectors.DefaultSelector()
    selector.register(sock, selectors.EVENT_READ)
    selector.register(0, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj is not sock:
                data = os.read(0, 65536)
                if not data:
                    return
                sock.send(data)
                continue
            while True:
                try:
                    os.write(1, sock.recv(65536))
                except BlockingIOError:
                    break


class Echo(asyncio.DatagramProtocol):
    """Sends each datagram back."""
    transport = None

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.transport.sendto(data, addr)


class Show(asyncio.DatagramProtocol):
    """Writes each datagram to standard output."""

    def datagram_received(self, data, addr):
        os.write(1, data)

    def error_received(self, exc):
        print(f"error: {exc}", file=sys.stderr)


async def asyncio_server(address):
    """Echoes by a bound datagram endpoint."""
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(Echo, local_addr=address)
    await asyncio.Event().wait()


async def asyncio_client(address):
    """Sends and receives by a connected datagram endpoint."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        Show, remote_addr=address)
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while data := await lines.readline():
        transport.sendto(data)


def main():
    """Runs the function that the arguments name."""
    how, who = sys.argv[1:3]
    address = (sys.argv[3], int(sys.argv[4]))
    if how == "asyncio":
        asyncio.run(globals()[f"asyncio_{who}"](address))
    else:
        globals()[f"sockets_{who}"](address)


if __name__ == "__main__":
    main()
