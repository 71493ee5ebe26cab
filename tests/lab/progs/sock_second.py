# SPDX-License-Identifier: ISC
"""Sockets that share a port, and a crowd of others.

    sock_second.py crowd N          opens N sockets, says `ready', waits
    sock_second.py PORT ROUNDS      prints the median of the us that the bind of
                                    a second socket of the port takes
"""
import os
import signal
import socket
import sys
import time

EACH = 4000  # sockets of a process
FIRST = 20000  # port


def crowd(count):
    """Holds sockets at loopback addresses, some in each of several children."""
    pids = []
    for at in range(0, count, EACH):
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            held = []
            for i in range(at, min(at + EACH, count)):
                one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                one.bind((f"127.0.1.{1 + i // 20000}", FIRST + i % 20000))
                held.append(one)
            os.write(writer, b"x")
            signal.pause()
        os.close(writer)
        if os.read(reader, 1) != b"x":
            sys.exit("a child opened too few")
        pids.append(pid)
    print("ready", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: [os.kill(p, signal.SIGKILL)
                                              for p in pids] and os._exit(0))
    signal.pause()


def shared(port):
    """A socket that shares the port."""
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    one.bind(("0.0.0.0", port))
    return one


def main():
    """See the top."""
    if sys.argv[1] == "crowd":
        crowd(int(sys.argv[2]))
    first, took = shared(int(sys.argv[1])), []
    for _ in range(int(sys.argv[2])):
        began = time.perf_counter()
        second = shared(int(sys.argv[1]))
        took.append(time.perf_counter() - began)
        second.close()
        time.sleep(0.05)
    first.close()
    print("took", round(sorted(took)[len(took) // 2] * 1e6))


main()
