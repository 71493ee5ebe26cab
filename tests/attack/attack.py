#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Plays one peer that holds a key, or one who forges sources.

    attack.py MODE IDENTITY PEER SECONDS ADDRESS PORT

IDENTITY is the file of our secret, PEER the other end's identity as `mpctl
identity' prints it.  Modes of a client attack ADDRESS and PORT; those of a
server wait there for the client.  Victims are 10.7.0.10 to 10.7.0.25.  Prints
one line: sent N octets N inits N answered N, where octets are of UDP payload
and inits the peer's INITs, copies apart.
"""
import itertools
import os
import socket
import struct
import sys
import time

import wire
from wire import ADDR, BY_RESPONDER, CHALLENGE, CLOSE, PROBE, REPLY

VICTIMS = ["10.7.0.%d" % i for i in range(10, 26)]


class Attacker:
    """A socket, our keys, and what went out."""

    def __init__(self, identity, peer, seconds, target):
        self.keys = wire.Keys(wire.own_secret(identity),
                              wire.text_key(peer, "mp1"))
        self.target, self.seconds = target, seconds
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sent = self.octets = self.answered = 0
        self.ephemerals = set()
        self.sessions = {}
        self.told = itertools.count()
        self.peer = target
        self.end = time.monotonic() + seconds

    def left(self):
        """Is there time left?"""
        return time.monotonic() < self.end

    def send(self, packet, to=None):
        """Sends from our own address."""
        self.socket.sendto(packet, to or self.peer)
        self.sent += 1
        self.octets += len(packet)

    def receive(self, seconds):
        """A packet and its source, or None."""
        self.socket.settimeout(seconds)
        try:
            return self.socket.recvfrom(4096)
        except (TimeoutError, ConnectionRefusedError):
            return None

    def victims(self, new=True):
        """A list of addresses that are not ours; a new one each time."""
        k = next(self.told) if new else 0
        return b"".join(wire.address(v, 1000 + k * 16 + i & 0xFFFF)
                        for i, v in enumerate(VICTIMS))

    def tell(self, session, new=True):
        """Says that these are our addresses."""
        self.send(session.packet(ADDR | REPLY, self.victims(new)))

    def shake(self, packet, source):
        """Answers an INIT: the new session; None: it is a copy, or none."""
        if packet[:4] != wire.MAGIC or packet[4] != wire.INIT:
            return None
        ephemeral = packet[12:44]
        if ephemeral in self.ephemerals:
            return None
        sid = int.from_bytes(os.urandom(4), "big") & 0x3FFFFFFE | 0x40000000
        got = wire.answer_init(self.keys, packet, sid, source)
        if got is None:
            return None
        self.ephemerals.add(ephemeral)
        resp, isid, keys, _ = got
        self.peer = source
        self.send(resp)
        session = wire.Session(keys[1], keys[0], isid, 1)
        self.sessions[sid] = session
        return session

    def listen(self, heard, answer=True, wait=0.1):
        """Takes in what comes until it is quiet, answers probes, and calls
        heard() once for each session that the peer confirmed.  Where probes
        are not answered it says nothing else."""
        end = time.monotonic() + 1
        while self.left() and time.monotonic() < end:
            got = self.receive(wait)
            if got is None:
                return
            packet, source = got
            if self.shake(packet, source):
                continue
            sid = int.from_bytes(packet[:4], "big") & ~1
            session = self.sessions.get(sid)
            seen = session.open(packet) if session else None
            if seen is None:
                continue
            self.answered += 1
            self.peer = source
            if answer and seen["flags"] & PROBE and \
                    not seen["flags"] & REPLY:
                self.send(session.answer(seen))
            if not session.heard:
                session.heard = True
                heard(session)

    # --- As a client ------------------------------------------------------

    def responder_bit(self):
        """INIT says that the server began the association; lists, CLOSE."""
        def lie(session):
            for _ in range(4):
                self.tell(session)
            self.send(session.packet(CLOSE))

        session = wire.connect(self.socket, self.target, self.keys,
                               BY_RESPONDER)
        self.octets += 172
        self.sent += 1
        if session is not None:
            session.responder = 1
            self.send(session.packet(0, b"hello"))
            time.sleep(0.3)
            lie(session)
        self.listen_all(lie)

    def listen_all(self, heard, **how):
        """Listens until the time is over."""
        while self.left():
            self.listen(heard, **how)

    def client_lists(self):
        """A client tells victims and closes, again and again."""
        while self.left():
            session = wire.connect(self.socket, self.target, self.keys)
            self.octets += 172
            self.sent += 1
            if session is None:
                continue
            self.send(session.packet(0, b"hello"))
            for _ in range(4):
                self.tell(session)
            self.send(session.packet(CLOSE))
            time.sleep(0.2)

    # --- As a server ------------------------------------------------------

    def bind(self):
        """Waits for the client where its program sends."""
        self.socket.bind(self.target)

    def lists(self):
        """New lists of victims, again and again."""
        self.bind()
        told = [0.0]

        def lie(session):
            self.tell(session)

        while self.left():
            self.listen(lie, wait=0.05)
            if time.monotonic() > told[0] + 0.2:
                told[0] = time.monotonic()
                for session in list(self.sessions.values())[-1:]:
                    self.tell(session)

    def one_list(self):
        """One list in each session, then only what an honest peer says."""
        self.bind()
        self.listen_all(self.tell)

    def list_only(self):
        """One list in each session, and nothing else."""
        self.bind()
        self.listen_all(self.tell, answer=False)

    def closes(self):
        """A list and CLOSE in each session."""
        def lie(session):
            self.tell(session)
            self.send(session.packet(CLOSE))

        self.bind()
        self.listen_all(lie)

    def vanishes(self):
        """One list, and from then on silence."""
        done = []

        def lie(session):
            if not done:
                self.tell(session)
            done.append(session)

        self.bind()
        while self.left():
            if done:
                self.receive(0.1)
            else:
                self.listen(lie, answer=False, wait=0.01)

    def mute(self):
        """Answers INIT, and nothing else."""
        self.bind()
        self.listen_all(lambda session: None, answer=False)

    def mute_close(self):
        """Answers INIT, and says CLOSE to whoever confirms it."""
        self.bind()
        self.listen_all(lambda s: self.send(s.packet(CLOSE)), answer=False)

    # --- Forged sources ---------------------------------------------------

    def forge(self, packet, source, port=7777):
        """Sends a packet from another's address."""
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW,
                            socket.IPPROTO_RAW)
        udp = struct.pack(">HHHH", port, self.target[1], 8 + len(packet), 0)
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 28 + len(packet), 0, 0,
                         64, 17, 0, socket.inet_aton(source),
                         socket.inet_aton(self.target[0]))
        raw.sendto(ip + udp + packet, (self.target[0], 0))
        raw.close()
        self.sent += 1
        self.octets += len(packet)

    def forged_inits(self):
        """A new INIT from each victim in turn, and copies of it."""
        for victim in itertools.cycle(VICTIMS):
            if not self.left():
                return
            packet = wire.make_init(self.keys, 0x02000000)[0]
            for _ in range(3):
                self.forge(packet, victim)
            time.sleep(0.02)

    def replayed_inits(self):
        """One INIT, copied from many sources."""
        while self.left():
            packet = wire.make_init(self.keys, 0x02000000)[0]
            self.send(packet)
            for victim, port in itertools.product(VICTIMS, range(20)):
                self.forge(packet, victim, 1000 + port)
            time.sleep(0.2)

    def forged_moves(self):
        """A session whose packets seem to come from victims, on each flow."""
        session = wire.connect(self.socket, self.target, self.keys)
        self.octets += 172
        self.sent += 1
        if session is None:
            return
        self.send(session.packet(0, b"hello"))
        for flow in itertools.cycle(range(64)):
            if not self.left():
                return
            for victim in VICTIMS[:4]:
                self.forge(session.probe(CHALLENGE, b"\0" + bytes(8),
                                         flow=flow), victim)
            self.receive(0.02)

    def forged_confirm(self):
        """INIT comes from us and from victims; a victim's packet confirms."""
        while self.left():
            packet, state, secret = wire.make_init(self.keys, 0x02000000)
            victim = VICTIMS[self.sent % 16]
            self.send(packet)
            self.forge(packet, victim)
            got = self.receive(0.5)
            got = got and wire.read_resp(self.keys, state, secret, got[0])
            if not got:
                continue
            session = wire.Session(got[1][0], got[1][1], got[0], 0)
            self.forge(session.packet(0, b"send me much"), victim)
            for _ in range(3):
                self.forge(session.packet(ADDR), victim)

    # --- Resources --------------------------------------------------------

    def flood_sessions(self):
        """Sessions with all the flows that there are, as many as go."""
        kept = []
        while self.left():
            session = wire.connect(self.socket, self.target, self.keys)
            if session is None:
                continue
            kept.append(session)
            self.send(session.packet(0, b"hello"))
            for flow in range(64):
                self.send(session.probe(flow=flow))

    def flood_inits(self):
        """New handshakes that nobody confirms, from many ports."""
        sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                   for _ in range(50)]
        for out in itertools.cycle(sockets):
            if not self.left():
                return
            packet = wire.make_init(self.keys, 0x02000000)[0]
            out.sendto(packet, self.target)
            self.sent += 1
            self.octets += len(packet)

    def flood_rekeys(self):
        """New handshakes inside one session."""
        session = None
        while session is None and self.left():
            session = wire.connect(self.socket, self.target, self.keys)
        if session is not None:
            self.send(session.packet(0, b"hello"))
        while self.left():
            init = wire.make_init(self.keys, 0x02000000,
                                  association=session.association)[0]
            self.send(session.packet(wire.REKEY, init))

    def flood_requests(self):
        """Requests for addresses, probes and SELECTs."""
        session = None
        while session is None and self.left():
            session = wire.connect(self.socket, self.target, self.keys)
        if session is not None:
            self.send(session.packet(0, b"hello"))
        for number in itertools.count(1, 2):
            if not self.left():
                return
            self.send(session.packet(ADDR))
            self.send(session.probe(wire.SELECT, struct.pack(">I", number),
                                    flow=number % 64))


def main():
    """Plays the mode and prints the sums."""
    mode, identity, peer, seconds, ip, port = sys.argv[1:]
    attacker = Attacker(identity, peer, float(seconds), (ip, int(port)))
    getattr(attacker, mode.replace("-", "_"))()
    print("sent", attacker.sent, "octets", attacker.octets, "inits",
          len(attacker.ephemerals), "answered", attacker.answered)


if __name__ == "__main__":
    main()
