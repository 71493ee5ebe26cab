#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Multicast and broadcast: prints a line for each call and each datagram.

    sock_cast.py hear INTERFACE OURS BROADCAST    receives on 7101-7104, 7107
    sock_cast.py send INTERFACE OURS BROADCAST PEER
"""
import errno
import selectors
import socket
import struct
import sys

GROUP4, GROUP6 = "239.7.7.7", "ff02::7777"
KIND = socket.SOL_SOCKET


def inet():
    """An IPv4 socket."""
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def inet6():
    """An IPv6 socket."""
    return socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)


def tried(name, function, *args):
    """Prints the result of a call or its error."""
    try:
        print(name, function(*args), flush=True)
    except OSError as e:
        print(name, errno.errorcode[e.errno], flush=True)


def hear(interface, ours, broadcast):
    """Prints what sockets bound to a group, an address or none receive."""
    four = inet()
    four.bind((GROUP4, 7101))
    four.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                    socket.inet_aton(GROUP4) + socket.inet_aton(ours))
    index = socket.if_nametoindex(interface)
    six = inet6()
    six.bind((GROUP6, 7102, 0, index))
    six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
                   socket.inet_pton(socket.AF_INET6, GROUP6) +
                   struct.pack("i", index))
    print("six", six.getsockname()[3] == index, flush=True)
    anyone = inet()
    anyone.bind(("0.0.0.0", 7103))
    anyone.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                      socket.inet_aton(GROUP4) + socket.inet_aton(ours))
    wide = inet()
    wide.setsockopt(KIND, socket.SO_BROADCAST, 1)
    wide.bind(("0.0.0.0", 7104))
    beside = inet()
    beside.bind((ours, 7107))
    # As udp-sender does: this socket only receives, so no SO_BROADCAST.
    cast = inet()
    cast.bind((broadcast, 7107))
    print("cast", cast.getsockname(), flush=True)
    selector = selectors.DefaultSelector()
    for name, sock in (("beside", beside), ("cast", cast), ("group4", four),
                       ("group6", six), ("any", anyone), ("broadcast", wide)):
        selector.register(sock, selectors.EVENT_READ, name)
    # A socket that is bound to a group may send.
    tried("from-group", four.sendto, b"x", (GROUP4, 7109))
    while True:
        for key, _ in selector.select():
            data, _ = key.fileobj.recvfrom(100)
            print(key.data, data.decode(), flush=True)


def send(interface, ours, broadcast, peer):
    """Sends a datagram to each of the sockets of hear()."""
    four = inet()
    four.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF,
                    socket.inet_aton(ours))
    tried("group4", four.sendto, b"one", (GROUP4, 7101))
    tried("any", four.sendto, b"two", (GROUP4, 7103))
    index = socket.if_nametoindex(interface)
    tried("group6", inet6().sendto, b"three", (GROUP6, 7102, 0, index))
    bound = inet()
    bound.bind((ours, 7105))
    tried("bound", bound.sendto, b"four", (GROUP4, 7101))
    linked = inet6()
    linked.connect((GROUP6, 7102, 0, index))
    print("peer6", linked.getpeername()[3] == index)
    tried("linked", linked.send, b"five")
    tried("denied", inet().sendto, b"six", (broadcast, 7104))
    tried("denied-connect", inet().connect, (broadcast, 7104))
    wide = inet()
    wide.setsockopt(KIND, socket.SO_BROADCAST, 1)
    tried("broadcast", wide.sendto, b"seven", (broadcast, 7104))
    tried("all", wide.sendto, b"eight", ("255.255.255.255", 7104))
    tried("cast", wide.sendto, b"eleven", (broadcast, 7107))
    tried("protected", wide.sendto, b"nine", (peer, 7106))
    linked = inet()
    linked.setsockopt(KIND, socket.SO_BROADCAST, 1)
    tried("connect", linked.connect, (broadcast, 7104))
    tried("connected", linked.send, b"ten")


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
