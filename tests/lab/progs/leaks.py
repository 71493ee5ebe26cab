#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Attempts to evade the policy.

    leaks.py send HOW ADDRESS4 ADDRESS6
    leaks.py hear HOW PORT

send: sends b"LEAKED" to a peer that the policy protects; prints `refused' if
the call fails, else `sent'.  hear: binds as HOW says and prints each datagram
that arrives within 3 s.
"""
import socket
import struct
import sys
import time

WHAT, HOW = sys.argv[1:3]
PORT = 7001


def udp(family):
    return socket.socket(family, socket.SOCK_DGRAM)


def send(v4, v6):
    text = b"LEAKED"
    sock = udp(socket.AF_INET6)
    if HOW == "loopback":
        sock.bind(("::1", 0))
        sock.sendto(text, (v6, PORT))
    elif HOW == "mapped":
        sock.bind(("::ffff:127.0.0.1", 0))
        sock.sendto(text, ("::ffff:" + v4, PORT))
    elif HOW == "group":
        sock = udp(socket.AF_INET)
        sock.bind(("224.0.0.251", 0))
        sock.sendto(text, (v4, PORT))
    elif HOW == "oob":
        sock.sendto(text, socket.MSG_OOB, (v6, PORT))
    elif HOW == "inherited":  # connected by a program without mpshim
        sock = socket.socket(fileno=3)
        sock.send(text)
    elif HOW == "elsewhere":  # first to loopback, which is plain
        sock = udp(socket.AF_INET)
        sock.sendto(b"here", ("127.0.0.1", 9))
        sock.sendto(text, (v4, PORT))
    else:
        sys.exit("leaks.py: " + HOW)


def hear(port):
    sock = udp(socket.AF_INET)
    sock.bind(("0.0.0.0", port))
    if HOW in ("own-filter", "no-filter"):  # `ret #-1' accepts everything
        code = struct.pack("HBBI", 6, 0, 0, 0xffffffff)
        import ctypes
        buf = ctypes.create_string_buffer(code)
        sock.setsockopt(socket.SOL_SOCKET, 26,
                        struct.pack("HxxxxxxP", 1, ctypes.addressof(buf)))
    if HOW == "no-filter":  # SO_DETACH_FILTER: the library's must stay
        sock.setsockopt(socket.SOL_SOCKET, 27, 0)
    end = time.monotonic() + 3
    while (left := end - time.monotonic()) > 0:
        sock.settimeout(left)
        try:
            print("heard", sock.recvfrom(2000), flush=True)
        except TimeoutError:
            break
    print("end", flush=True)


if WHAT == "hear":
    hear(int(sys.argv[3]))
else:
    try:
        send(*sys.argv[3:5])
        print("sent")
    except OSError as error:
        print("refused", error.strerror)
