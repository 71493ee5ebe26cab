#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Sends datagrams and counts their transmit time stamps.

    sock_stamps.py ADDRESS PORT SECONDS

One each 10 ms.  Each shall have one stamp, in the order of sending, with the
datagram's number and bytes, and a time about now.
"""
import select
import socket
import struct
import sys
import time

SO_TIMESTAMPING = 37
TX_SOFTWARE, SOFTWARE, OPT_ID = 2, 16, 128  # of linux/net_tstamp.h
MSG_ERRQUEUE = 0x2000
IPV6 = ":" in sys.argv[1]
PEER = (sys.argv[1], int(sys.argv[2]))


def number(messages):
    """The number of a stamp, and its age in seconds."""
    found = age = None
    for level, kind, data in messages:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPING):
            second, nanosecond = struct.unpack("qq", data[:16])
            age = time.time() - second - nanosecond / 1e9
        elif (level, kind) in ((0, 11), (41, 25)):
            found = struct.unpack("IBBBBII", data[:16])[6]
    return found, age


def main():
    """Sends, then says how many stamps were as they shall."""
    sock = socket.socket(socket.AF_INET6 if IPV6 else socket.AF_INET,
                         socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING,
                    TX_SOFTWARE | SOFTWARE | OPT_ID)
    sock.setblocking(False)
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    sent = stamps = wrong = woken = 0
    begin = time.monotonic()
    end = begin + float(sys.argv[3])
    while time.monotonic() < end + 1:
        due = begin + sent * 0.01
        now = time.monotonic()
        if now >= due and now < end:
            sock.sendto(b"stamp %06d" % sent, PEER)
            sent += 1
            continue
        for _, events in poll.poll(5):
            woken += events & select.POLLERR != 0
        while True:
            try:
                data, messages, _, _ = sock.recvmsg(2048, 512, MSG_ERRQUEUE)
            except BlockingIOError:
                break
            found, age = number(messages)
            good = found == stamps and age is not None and -0.01 < age < 1 \
                and data.endswith(b"stamp %06d" % stamps)
            if not good:
                print(stamps, found, age, data)
            wrong += not good
            stamps += 1
        try:
            while True:
                sock.recv(2048)
        except BlockingIOError:
            pass
    print(f"sent {sent} missing {sent - stamps} wrong {wrong} woken {woken}")


main()
