#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Prints each datagram that a port receives: lines.py ADDRESS PORT."""
import os
import socket
import sys

ADDRESS = (sys.argv[1], int(sys.argv[2]))
SOCKET = socket.socket(
    socket.AF_INET6 if ":" in ADDRESS[0] else socket.AF_INET,
    socket.SOCK_DGRAM)
SOCKET.bind(ADDRESS)
while True:
    os.write(1, SOCKET.recv(65536))
