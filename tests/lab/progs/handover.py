#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Echoes datagrams by a socket that was handed over.

    handover.py HOW ADDRESS PORT

    fork       the parent binds and exits, its child serves
    daemon     the same with a grandchild, a daemon
    prefork    four processes share one socket
    reuseport  four processes have a socket each, with SO_REUSEPORT
    dup        a copy of the descriptor serves, the original is closed
    dup2       the same; the copy's number was another socket before
    exec       another program image inherits the bound socket
    late       the same, and binds it
    passed     another process receives the socket in a message
"""
import os
import socket
import sys

HOW, ADDRESS = sys.argv[1], (sys.argv[2], int(sys.argv[3]))


def make(bind=True):
    """A socket, bound to ADDRESS or not."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    if HOW == "reuseport":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if bind:
        sock.bind(ADDRESS)
    return sock


def serve(sock):
    """Echoes for ever, by blocking calls."""
    while True:
        data, peer = sock.recvfrom(65536)
        sock.sendto(data, peer)


def workers(sock):
    """Serves in three children and their parent."""
    for _ in range(3):
        if os.fork() == 0:
            break
    serve(sock or make())


def main():
    """Serves as HOW says."""
    if HOW in ("fork", "daemon"):
        sock = make()
        if os.fork() > 0:
            os._exit(0)
        if HOW == "daemon":
            os.setsid()
            null = os.open("/dev/null", os.O_RDWR)
            for fd in range(3):
                os.dup2(null, fd)
            os.chdir("/")
            if os.fork() > 0:
                os._exit(0)
        serve(sock)
    elif HOW == "prefork":
        workers(make())
    elif HOW == "reuseport":
        workers(None)
    elif HOW == "dup":
        first = make()
        second = first.dup()
        first.close()
        serve(second)
    elif HOW == "dup2":
        first = make()
        other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        other.bind((ADDRESS[0], 0))
        os.dup2(first.fileno(), other.fileno())
        first.close()
        serve(other)
    elif HOW in ("exec", "late"):
        sock = make(HOW == "exec")
        os.set_inheritable(sock.fileno(), True)
        os.execv(sys.executable, [sys.executable, __file__,
                                  f"inherited-{HOW}:{sock.fileno()}",
                                  *sys.argv[2:]])
    elif HOW.startswith("inherited"):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM,
                             fileno=int(HOW.split(":")[1]))
        if "late" in HOW:
            sock.bind(ADDRESS)
        serve(sock)
    elif HOW == "passed":
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        if os.fork() > 0:
            sock = make()
            socket.send_fds(ours, [b"x"], [sock.fileno()])
            os._exit(0)
        _, fds, _, _ = socket.recv_fds(theirs, 10, 1)
        serve(socket.socket(fileno=fds[0]))


main()
