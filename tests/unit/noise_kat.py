#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Known answers for handshakes: writes noise_kat.h to standard output.

A second implementation of PROTOCOL.md 2, which shares no code with core/ and
not its library either: curve and cipher are python3-cryptography's, SHA-256 and
HMAC are Python's, SipHash is written out below.  All inputs are
fixed.  Run: python3 tests/unit/noise_kat.py >tests/unit/noise_kat.h
"""

import hashlib
import hmac
import ipaddress
import struct

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import (
    X25519PrivateKey,
    X25519PublicKey,
)
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

MAGIC = 0x9D4EC2B7
NAME = b"Noise_IKpsk2_25519_ChaChaPoly_SHA256"
MASK = (1 << 64) - 1


def rotl(x, n):
    return (x << n | x >> (64 - n)) & MASK


def sipround(v):
    a, b, c, d = v
    a = (a + b) & MASK
    b = rotl(b, 13) ^ a
    a = rotl(a, 32)
    c = (c + d) & MASK
    d = rotl(d, 16) ^ c
    a = (a + d) & MASK
    d = rotl(d, 21) ^ a
    c = (c + b) & MASK
    b = rotl(b, 17) ^ c
    c = rotl(c, 32)
    return [a, b, c, d]


def siphash128(key, data):
    """SipHash-2-4 with 128 bits of output."""
    k0, k1 = struct.unpack("<QQ", key)
    v = [
        k0 ^ 0x736F6D6570736575,
        k1 ^ 0x646F72616E646F6D ^ 0xEE,
        k0 ^ 0x6C7967656E657261,
        k1 ^ 0x7465646279746573,
    ]
    full = len(data) // 8 * 8
    last = data[full:].ljust(7, b"\0") + bytes([len(data) & 0xFF])
    for (m,) in struct.iter_unpack("<Q", data[:full] + last):
        v[3] ^= m
        v = sipround(sipround(v))
        v[0] ^= m
    out = b""
    for index, mark in ((2, 0xEE), (1, 0xDD)):
        v[index] ^= mark
        for _ in range(4):
            v = sipround(v)
        out += struct.pack("<Q", v[0] ^ v[1] ^ v[2] ^ v[3])
    return out


def mac_key(label, pub, size):
    """What a label and a public key give."""
    return hashlib.sha256(b"mpshim1 " + label + pub).digest()[:size]


def hmac256(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def hkdf(ck, ikm, n):
    temp = hmac256(ck, ikm)
    out = [hmac256(temp, b"\x01")]
    while len(out) < n:
        out.append(hmac256(temp, out[-1] + bytes([len(out) + 1])))
    return out


class Symmetric:
    """The SymmetricState of Noise, section 5.2."""

    def __init__(self, prologue, responder):
        self.h = self.ck = hashlib.sha256(NAME).digest()
        self.mix_hash(prologue)
        self.mix_hash(responder)

    def mix_hash(self, data):
        self.h = hashlib.sha256(self.h + data).digest()

    def mix_key(self, ikm):
        self.ck, self.k = hkdf(self.ck, ikm, 2)

    def mix_key_and_hash(self, ikm):
        self.ck, middle, self.k = hkdf(self.ck, ikm, 3)
        self.mix_hash(middle)

    def encrypt(self, text):
        out = ChaCha20Poly1305(self.k).encrypt(bytes(12), text, self.h)
        self.mix_hash(out)
        return out


def public(secret):
    return secret.public_key().public_bytes(
        serialization.Encoding.Raw, serialization.PublicFormat.Raw
    )


def address(text, port):
    ip = ipaddress.ip_address(text)
    if ip.version == 4:
        return bytes(10) + b"\xff\xff" + ip.packed + struct.pack(">H", port)
    return ip.packed + struct.pack(">H", port)


def private(secret):
    return X25519PrivateKey.from_private_bytes(secret)


def dh(secret, pub):
    return secret.exchange(X25519PublicKey.from_public_bytes(pub))


def handshake(c):
    """INIT, RESP, the handshake hash and both keys of one case."""
    si, sr = private(c["si"]), private(c["sr"])
    ei, er = private(c["ei"]), private(c["er"])
    head = struct.pack(">IBBHI", MAGIC, 1, 3, 0, c["isid"])
    s = Symmetric(b"mpshim1\0" + head, public(sr))

    s.mix_hash(public(ei))
    s.mix_key(public(ei))
    s.mix_key(dh(ei, public(sr)))
    init = head + public(ei) + s.encrypt(public(si))
    s.mix_key(dh(si, public(sr)))
    inner = struct.pack(">II", c["previous"], c["ifeatures"])
    inner += c["assoc"] + bytes(16)
    init += s.encrypt(inner)
    init += siphash128(mac_key(b"init", public(sr), 16), init) + bytes(16)

    s.mix_hash(public(er))
    s.mix_key(public(er))
    s.mix_key(dh(er, public(ei)))
    s.mix_key(dh(er, public(si)))
    s.mix_key_and_hash(c["psk"])
    inner = struct.pack(">II", c["rsid"], c["rfeatures"])
    inner += address(*c["yours"]) + struct.pack(">HI", c["flows"], 0)
    head = struct.pack(">IBBHI", MAGIC, 2, 3, 0, c["isid"])
    resp = head + public(er) + s.encrypt(inner)
    resp += siphash128(mac_key(b"resp", public(si), 16), resp)

    assert len(init) == 172 and len(resp) == 108
    return init, resp, s.h, hkdf(s.ck, b"", 2)


def fixed(label):
    return hashlib.sha256(label.encode()).digest()


CASES = [
    {
        "name": "first contact, IPv4, no psk",
        "isid": 0x5A0A1B2C,
        "previous": 0,
        "ifeatures": 1,
        "rsid": 0xC3100002,
        "rfeatures": 1,
        "yours": ("203.0.113.7", 60001),
        "flows": 64,
    },
    {
        "name": "no AES at the other end, IPv6",
        "isid": 0x00000002,
        "previous": 0,
        "ifeatures": 1,
        "rsid": 0xFFFFFFFE,
        "rfeatures": 0,
        "yours": ("2001:db8:1:2::3", 1),
        "flows": 1,
    },
    {
        "name": "a rekey, by the responder of the association",
        "isid": 0x77654320,
        "previous": 0xC3100002,
        "ifeatures": 0x40000001,
        "rsid": 0x12345678,
        "rfeatures": 1,
        "yours": ("fe80::1", 65535),
        "flows": 8,
    },
    {
        "name": "a rekey, no AES, unknown feature bits",
        "isid": 0x80000000,
        "previous": 0x00000004,
        "ifeatures": 0xFFFFFFFE,
        "rsid": 0x01020304,
        "rfeatures": 0x80000000,
        "yours": ("198.18.0.1", 443),
        "flows": 65535,
    },
]


def array(data, depth=1):
    pad = "\t" * depth
    lines = []
    for i in range(0, len(data), 8):
        row = ", ".join("0x%02x" % b for b in data[i : i + 8])
        lines.append(pad + "\t" + row + ",")
    return "{\n" + "\n".join(lines) + "\n" + pad + "}"


def number(value):
    return "0x%xU" % value


def print_case(n, c):
    label = "mpshim kat %d " % n
    for field in ("si", "sr", "ei", "er"):
        c[field] = fixed(label + field)
    c["psk"] = fixed(label + "psk") if n > 0 else bytes(32)
    c["assoc"] = fixed(label + "association")[:8]
    init, resp, h, keys = handshake(c)
    pi, pr = public(private(c["si"])), public(private(c["sr"]))
    both = hashlib.sha256(min(pi, pr) + max(pi, pr)).digest()
    key_id = int.from_bytes(both[:8], "big")
    print("\t{")
    print('\t.name = "%s",' % c["name"])
    for field in ("isid", "previous", "ifeatures", "rsid", "rfeatures"):
        print("\t.%s = %s," % (field, number(c[field])))
    print("\t.flows = %d," % c["flows"])
    print("\t.port = %d," % c["yours"][1])
    print("\t.id = UINT64_C(0x%016x)," % key_id)
    arrays = {
        "si": c["si"],
        "sr": c["sr"],
        "pi": pi,
        "pr": pr,
        "psk": c["psk"],
        "ei": c["ei"],
        "er": c["er"],
        "assoc": c["assoc"],
        "ip": address(*c["yours"])[:16],
        "init": init,
        "resp": resp,
        "hash": h,
        "init_mac": mac_key(b"init", pr, 16),
        "resp_mac": mac_key(b"resp", pi, 16),
        "cookie": mac_key(b"cookie", pr, 32),
    }
    for field, value in arrays.items():
        print("\t.%s = %s," % (field, array(value)))
    print("\t.key = { %s, %s }," % (array(keys[0]), array(keys[1])))
    print("\t},")


HEAD = """/* SPDX-License-Identifier: ISC */
/* Known answers for handshakes.  Made by noise_kat.py: change that. */
#ifndef NOISE_KAT_H
#define NOISE_KAT_H

#include <stdint.h>

struct noise_kat {
	const char *name;
	uint32_t isid, previous, ifeatures, rsid, rfeatures;
	uint16_t flows, port;
	uint64_t id; /* of the pair */
	/* Initiator's and responder's: secrets, public keys, ephemerals. */
	uint8_t si[32], sr[32], pi[32], pr[32], psk[32], ei[32], er[32];
	uint8_t assoc[8], ip[16];
	uint8_t init[172], resp[108];
	uint8_t hash[32];   /* handshake hash */
	uint8_t key[2][32]; /* initiator to responder, and back */
	/* Of INITs to the responder, of RESPs to the initiator, of the
	 * responder's cookies. */
	uint8_t init_mac[16], resp_mac[16], cookie[32];
};

static const struct noise_kat noise_kats[] = {"""


def check_siphash():
    key = bytes(range(16))
    assert siphash128(key, b"").hex() == "a3817f04ba25a8e66df67214c7550293"
    data = bytes(range(15))
    assert siphash128(key, data).hex() == "5493e99933b0a8117e08ec0f97cfc3d9"


if __name__ == "__main__":
    check_siphash()
    print(HEAD)
    for n, case in enumerate(CASES):
        print_case(n, case)
    print("};\n\n#endif")
