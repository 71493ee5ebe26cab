#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""A listener and its connected siblings: second sockets of its port, each
connected to a peer that spoke, as servers of DTLS and QUIC have them.

    sock_sibling.py serve PORT       a server for each of VARIANTS, at PORT and
                                     the next ones
    sock_sibling.py ask PORT V4 V6   asks each; prints who answered what

A datagram is the client's letter, a port and what to do.  The socket that gets
it answers with its name.
"""
import ctypes
import os
import select
import socket
import sys
import time

PATIENCE = 1.0  # seconds that the client waits for an answer
LIFE = 150  # of a server

# Who has the sibling: the listener's process; a child of that, which may keep
# the listener; a process that gets descriptors, which may keep it, too; either
# of two processes that share the listener.
WHOS = "same", "child", "child-keep", "passed", "passed-keep", "shared"
# The family of the sockets, whether they are bound to the host's own address
# (listener, sibling), the family of the clients.
BINDS = (("4", False, False, "4"), ("4", True, True, "4"),
         ("4", False, True, "4"), ("6", False, False, "6"),
         ("6", True, True, "6"), ("6", False, True, "6"),
         ("dual", False, False, "4"), ("dual", False, False, "6"))
VARIANTS = [(who, share) + bind for who in WHOS for share in ("addr", "port")
            for bind in BINDS]
OWN = {"4": "10.4.0.2", "6": "fd06::2"}

# What the client does, one at a time: a letter, and what to do.
SCRIPT = """
A hello; A connect; A say; B hello; A say; B connect; B say; A say; C say; A say
D nap; A close; A say; A say; A connect; A say; C say; A to; C say; A say; B say
B free; B say
"""


def new(variant, port, own):
    """A socket of the port."""
    _, share, family, *_ = variant
    sock = socket.socket(socket.AF_INET if family == "4" else socket.AF_INET6,
                         socket.SOCK_DGRAM)
    if family == "6":
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR if share == "addr"
                    else socket.SO_REUSEPORT, 1)
    sock.bind((OWN[family] if own else "", port))
    return sock


def free(sock):
    """Ends the connection: connect(2) to AF_UNSPEC."""
    if ctypes.CDLL(None).connect(sock.fileno(), bytes(16), 16) != 0:
        sys.exit("AF_UNSPEC")


class Server:
    """One process, and the sockets that it reads."""

    def __init__(self, variant, port):
        self.variant = variant
        self.port = port
        self.listener = new(variant, port, variant[3])
        self.socks = {self.listener: "listener"}
        self.pipe = None
        if variant[0].startswith("passed"):
            here, there = socket.socketpair()
            self.pipe = here
            if os.fork() == 0:
                self.pipe = there
                if variant[0] == "passed":
                    self.listener.close()
                self.socks = {there: "pipe"}
        elif variant[0] == "shared":
            os.fork()

    def sibling(self, name, peer):
        """Makes a socket for the peer, where it is to be."""
        who = self.variant[0]
        sock = new(self.variant, self.port, self.variant[4])
        sock.connect(peer)
        if self.pipe:
            socket.send_fds(self.pipe, [name.encode()], [sock.fileno()])
            sock.close()
            return
        if who.startswith("child"):
            if os.fork() != 0:
                sock.close()
                return
            if who == "child":
                self.listener.close()
            self.socks = {}
        self.socks[sock] = name
        sock.send(name.encode())

    def act(self, sock, data, peer):
        """Does what a datagram says."""
        letter, port, what = data.decode().split()
        name = self.socks[sock]
        if what == "nap":
            time.sleep(0.3)
        if what in ("connect", "nap"):
            self.sibling("for" + letter, peer)
            return
        if what == "to":
            sock.connect((peer[0], int(port)))
            sock.send(name.encode())
            return
        if what == "free":
            free(sock)
        try:
            sock.getpeername()
            sock.send(name.encode())
        except OSError:
            sock.sendto(name.encode(), peer)
        if what == "close":
            del self.socks[sock]
            sock.close()

    def take(self, pipe):
        """Gets a sibling of another process."""
        name, fds, _, _ = socket.recv_fds(pipe, 99, 1)
        if not fds:
            sys.exit()
        sock = socket.socket(fileno=fds[0])
        self.socks[sock] = name.decode()
        sock.send(name)

    def run(self):
        """Serves until its life is over."""
        until = time.monotonic() + LIFE
        while self.socks and time.monotonic() < until:
            for sock in select.select(list(self.socks), [], [], 1)[0]:
                if self.socks[sock] == "pipe":
                    self.take(sock)
                    continue
                try:
                    got = sock.recvfrom(99, socket.MSG_DONTWAIT)
                except BlockingIOError:
                    continue
                self.act(sock, *got)


def serve(port):
    """Serves each variant by a process of its own."""
    servers = []
    for i, variant in enumerate(VARIANTS):
        if os.fork() == 0:
            Server(variant, port + i).run()
            os._exit(0)
        servers.append(port + i)
    print("serves", len(servers), flush=True)
    time.sleep(LIFE)


class Client:
    """The clients of one server: a socket for each letter."""

    def __init__(self, variant, port, hosts):
        self.variant = variant
        family = variant[5]
        self.socks = {}
        for letter in "ABCD":
            sock = socket.socket(socket.AF_INET if family == "4" else
                                 socket.AF_INET6, socket.SOCK_DGRAM)
            sock.connect((hosts[family], port))
            sock.settimeout(PATIENCE)
            self.socks[letter] = sock

    def say(self, letter, what):
        port = self.socks["C"].getsockname()[1]
        self.socks[letter].send(f"{letter} {port} {what}".encode())

    def hear(self, letter):
        try:
            return self.socks[letter].recv(99).decode()
        except OSError as error:
            return type(error).__name__

    def run(self):
        """Follows the script: a list of who answered."""
        heard = []
        for step in SCRIPT.replace("\n", ";").split(";"):
            if not step.strip():
                continue
            letter, what = step.split()
            if what == "free" and self.variant[1] == "port":
                break  # the kernel's hash would decide
            self.say(letter, what)
            if what == "nap":  # two that are there before the sibling is
                time.sleep(0.15)
                self.say(letter, "say")
                self.say(letter, "say")
                answers = sorted(self.hear(letter) for _ in range(3))
                self.say(letter, "say")
                heard.append("+".join(answers + [self.hear(letter)]))
                continue
            heard.append(self.hear("C" if what == "to" else letter))
        return heard


def ask(port, hosts):
    """Asks all servers, 8 at a time."""
    running = 0
    for i, variant in enumerate(VARIANTS):
        if running == 8:
            os.wait()
            running -= 1
        running += 1
        if os.fork() == 0:
            line = " ".join(map(str, variant)) + ": " + \
                " ".join(Client(variant, port + i, hosts).run()) + "\n"
            os.write(1, line.encode())
            os._exit(0)
    while running:
        os.wait()
        running -= 1


if sys.argv[1] == "serve":
    serve(int(sys.argv[2]))
else:
    ask(int(sys.argv[2]), {"4": sys.argv[3], "6": sys.argv[4]})
