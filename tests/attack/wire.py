# SPDX-License-Identifier: ISC
"""The wire a second time, from core/PROTOCOL.md alone: what a peer that holds a
key, or an onlooker, needs to send whatever it likes.

Handshakes are those of tests/unit/noise_kat.py, which shares no code and no
library with core/ either.  Only ChaCha20-Poly1305 is offered.
"""
import base64
import os
import pathlib
import socket
import struct
import sys
import time

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "unit"))
import noise_kat as noise  # noqa: E402

MAGIC = struct.pack(">I", noise.MAGIC)
VERSION = 3
INIT, RESP = 1, 2
(PROBE, ADDR, REPLY, CHALLENGE, RESPONSE, SELECT, REKEY, CLOSE, COPY, LOSSY,
 COUNT, SKIP) = (1 << i for i in range(12))
FRAG = SKIP  # without PROBE
BY_RESPONDER = 1 << 30  # of INIT's features
NO_TIME = 0xFFFF


def text_key(text, prefix):
    """The 32 bytes of an identity or a secret as mpctl writes them."""
    return base64.urlsafe_b64decode(text.removeprefix(prefix))[:32]


def own_secret(path):
    """The secret in a file of an identity."""
    for line in pathlib.Path(path).read_text("ascii").splitlines():
        if line.startswith("mpsecret1"):
            return X25519PrivateKey.from_private_bytes(
                text_key(line.strip(), "mpsecret1"))
    raise ValueError("no secret in " + str(path))


def mapped(address):
    """16 bytes of an IPv4 address."""
    return bytes(10) + b"\xff\xff" + socket.inet_aton(address)


class Opening(noise.Symmetric):
    """A SymmetricState that opens, too."""

    def open(self, sealed):
        """The text, or None."""
        try:
            text = ChaCha20Poly1305(self.k).decrypt(bytes(12), sealed, self.h)
        except InvalidTag:
            return None
        self.mix_hash(sealed)
        return text


class Keys:
    """One of our identities and the peer's public key."""

    def __init__(self, secret, peer):
        self.secret, self.peer = secret, peer
        self.public = noise.public(secret)


def make_init(keys, isid, features=0, association=None, source=bytes(16)):
    """INIT, and the state and ephemeral that its answer is read with."""
    head = MAGIC + struct.pack(">BBHI", INIT, VERSION, 0, isid)
    state = Opening(b"mpshim1\0" + head, keys.peer)
    ephemeral = X25519PrivateKey.generate()
    public = noise.public(ephemeral)
    state.mix_hash(public)
    state.mix_key(public)
    state.mix_key(noise.dh(ephemeral, keys.peer))
    packet = head + public + state.encrypt(keys.public)
    state.mix_key(noise.dh(keys.secret, keys.peer))
    packet += state.encrypt(struct.pack(">II", 0, features) +
                            (association or os.urandom(8)) + source)
    mac = noise.siphash128(noise.mac_key(b"init", keys.peer, 16), packet)
    return packet + mac + bytes(16), state, ephemeral


def read_resp(keys, state, ephemeral, packet):
    """The responder's sid and both traffic keys, or None."""
    if len(packet) != 108 or packet[4] != RESP:
        return None
    public = packet[12:44]
    state.mix_hash(public)
    state.mix_key(public)
    state.mix_key(noise.dh(ephemeral, public))
    state.mix_key(noise.dh(keys.secret, public))
    state.mix_key_and_hash(bytes(32))
    text = state.open(packet[44:92])
    if text is None:
        return None
    return struct.unpack(">I", text[:4])[0], noise.hkdf(state.ck, b"", 2)


def answer_init(keys, packet, sid, yours, flows=64):
    """RESP, the initiator's sid, both traffic keys and what INIT said; or
    None."""
    if len(packet) != 172 or packet[4] != INIT:
        return None
    mac = noise.siphash128(noise.mac_key(b"init", keys.public, 16),
                           packet[:140])
    if mac != packet[140:156]:
        return None
    state = Opening(b"mpshim1\0" + packet[:12], keys.public)
    theirs = packet[12:44]
    state.mix_hash(theirs)
    state.mix_key(theirs)
    state.mix_key(noise.dh(keys.secret, theirs))
    if state.open(packet[44:92]) != keys.peer:
        return None
    state.mix_key(noise.dh(keys.secret, keys.peer))
    inner = state.open(packet[92:140])
    head = MAGIC + struct.pack(">BBH", RESP, VERSION, 0) + packet[8:12]
    ephemeral = X25519PrivateKey.generate()
    public = noise.public(ephemeral)
    state.mix_hash(public)
    state.mix_key(public)
    state.mix_key(noise.dh(ephemeral, theirs))
    state.mix_key(noise.dh(ephemeral, keys.peer))
    state.mix_key_and_hash(bytes(32))
    resp = head + public + state.encrypt(
        struct.pack(">II", sid, 0) + mapped(yours[0]) +
        struct.pack(">HHI", yours[1], flows, 0))
    resp += noise.siphash128(noise.mac_key(b"resp", keys.peer, 16), resp)
    isid = struct.unpack(">I", packet[8:12])[0]
    return resp, isid, noise.hkdf(state.ck, b"", 2), inner


class Session:
    """One session under one key: what it seals and opens."""

    def __init__(self, tx, rx, sid, responder):
        self.tx, self.rx = ChaCha20Poly1305(tx), ChaCha20Poly1305(rx)
        self.sid, self.responder = sid, responder
        self.numbers = {}
        self.heard = False
        self.association = b""

    def packet(self, flags, body=b"", flow=0, stamps=None, number=None):
        """A packet with these flags; its number is the flow's next one."""
        if number is None:
            number = self.numbers.get(flow, 0) + 1
        self.numbers[flow] = max(number, self.numbers.get(flow, 0))
        head = struct.pack(
            ">IQ", self.sid & ~1 | (flags & 0xFFF != 0),
            self.responder << 63 | flow << 48 | number)
        ts, reply = stamps or (int(time.monotonic() * 4000) & 0xFFFF, NO_TIME)
        text = struct.pack(">HHH", flags, ts, reply) + body
        return head + self.tx.encrypt(bytes(4) + head[4:], text, head)

    def probe(self, more=0, body=b"", **how):
        """A probe with modifiers; `body' is what stands behind the count."""
        return self.packet(PROBE | more, struct.pack(">H", 0) + body, **how)

    def open(self, packet):
        """Flags, flow, number, stamps and body of a packet, or None."""
        try:
            text = self.rx.decrypt(bytes(4) + packet[4:12], packet[12:],
                                   packet[:12])
        except (InvalidTag, ValueError):
            return None
        flags, ts, reply = struct.unpack(">HHH", text[:6])
        nonce = struct.unpack(">Q", packet[4:12])[0]
        return {"flags": flags & 0xFFF, "ts": ts, "reply": reply,
                "flow": nonce >> 48 & 0x7FFF,
                "number": nonce & 0xFFFFFFFFFFFF, "body": text[6:]}

    def answer(self, seen):
        """The answer to a probe that open() returned, as an honest peer's."""
        number = struct.pack(">H", seen["number"] & 0xFFFF)
        stamps = (int(time.monotonic() * 4000) & 0xFFFF, seen["ts"])
        flags, body = REPLY, number
        if seen["flags"] & CHALLENGE:
            at = 2 + (4 if seen["flags"] & COUNT else 0) + \
                (2 if seen["flags"] & SKIP else 0)
            flags |= RESPONSE
            body += b"\1" + seen["body"][at + 1:at + 9]
        return self.probe(flags, body, flow=seen["flow"], stamps=stamps)


def connect(sock, target, keys, features=0):
    """Shakes hands as an initiator: a session, or None after 3 tries."""
    isid = int.from_bytes(os.urandom(4), "big") & 0x7FFFFFFE | 0x02000000
    association = os.urandom(8)
    packet, state, ephemeral = make_init(keys, isid, features, association)
    for _ in range(3):
        sock.sendto(packet, target)
        sock.settimeout(0.5)
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            try:
                data = sock.recv(2048)
            except (TimeoutError, ConnectionRefusedError):
                break
            if data[:4] == MAGIC and data[8:12] == packet[8:12]:
                got = read_resp(keys, state, ephemeral, data)
                if got:
                    session = Session(got[1][0], got[1][1], got[0], 0)
                    session.association = association
                    return session
    return None


def address(ip, port):
    """An address sub-message."""
    if ":" in ip:
        return bytes([19, 6]) + struct.pack(">H", port) + \
            socket.inet_pton(socket.AF_INET6, ip)
    return bytes([7, 4]) + struct.pack(">H", port) + socket.inet_aton(ip)
