#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Known answers for handshakes: writes noise_kat.h to standard output.

A second implementation of PROTOCOL.md 2, which shares no code with core/ and
not its library either: curve and cipher are python3-cryptography's, SHA-256,
HMAC and BLAKE2b are Python's, SipHash is written out below.  All inputs are
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
NAME = b"Noise_NNpsk0_25519_ChaChaPoly_SHA256"
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


def subkey(secret, number, size):
    """libsodium's crypto_kdf in the context "mpshim01"."""
    return hashlib.blake2b(
        digest_size=size,
        key=secret,
        salt=struct.pack("<Q", number).ljust(16, b"\0"),
        person=b"mpshim01".ljust(16, b"\0"),
    ).digest()


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

    def __init__(self, prologue, psk):
        self.h = self.ck = hashlib.sha256(NAME).digest()
        self.mix_hash(prologue)
        self.ck, middle, self.k = hkdf(self.ck, psk, 3)
        self.mix_hash(middle)

    def mix_hash(self, data):
        self.h = hashlib.sha256(self.h + data).digest()

    def mix_key(self, ikm):
        self.ck, self.k = hkdf(self.ck, ikm, 2)

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


def handshake(c):
    """INIT, RESP, the handshake hash and both keys of one case."""
    nth = 0 if c["end"] == "A" else 1
    ei = X25519PrivateKey.from_private_bytes(c["ei"])
    er = X25519PrivateKey.from_private_bytes(c["er"])
    head = struct.pack(">IBBHI", MAGIC, 1, 2, 0, c["isid"])
    s = Symmetric(b"mpshim1\0" + head, subkey(c["secret"], 1 + nth, 32))

    s.mix_hash(public(ei))
    s.mix_key(public(ei))
    inner = struct.pack(">II", c["previous"], c["ifeatures"])
    inner += c["assoc"] + bytes(16)
    init = head + public(ei) + s.encrypt(inner)
    init += siphash128(subkey(c["secret"], 3 + nth, 16), init) + bytes(16)

    s.mix_hash(public(er))
    s.mix_key(public(er))
    s.mix_key(er.exchange(X25519PublicKey.from_public_bytes(public(ei))))
    inner = struct.pack(">II", c["rsid"], c["rfeatures"])
    inner += address(*c["yours"]) + struct.pack(">HI", c["flows"], 0)
    head = struct.pack(">IBBHI", MAGIC, 2, 2, 0, c["isid"])
    resp = head + public(er) + s.encrypt(inner)
    resp += siphash128(subkey(c["secret"], 5 + nth, 16), resp)

    assert len(init) == 124 and len(resp) == 108
    return init, resp, s.h, hkdf(s.ck, b"", 2)


def fixed(label):
    return hashlib.sha256(label.encode()).digest()


CASES = [
    {
        "name": "A initiates, first contact, IPv4",
        "end": "A",
        "isid": 0x5A0A1B2C,
        "previous": 0,
        "ifeatures": 1,
        "rsid": 0xC3100002,
        "rfeatures": 1,
        "yours": ("203.0.113.7", 60001),
        "flows": 64,
    },
    {
        "name": "B initiates, no AES at the other end, IPv6",
        "end": "B",
        "isid": 0x00000002,
        "previous": 0,
        "ifeatures": 1,
        "rsid": 0xFFFFFFFE,
        "rfeatures": 0,
        "yours": ("2001:db8:1:2::3", 1),
        "flows": 1,
    },
    {
        "name": "A's rekey, by the responder of the association",
        "end": "A",
        "isid": 0x77654320,
        "previous": 0xC3100002,
        "ifeatures": 0x40000001,
        "rsid": 0x12345678,
        "rfeatures": 1,
        "yours": ("fe80::1", 65535),
        "flows": 8,
    },
    {
        "name": "B's rekey, no AES, unknown feature bits",
        "end": "B",
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
    c["secret"] = fixed(label + "secret")
    c["ei"] = fixed(label + "initiator")
    c["er"] = fixed(label + "responder")
    c["assoc"] = fixed(label + "association")[:8]
    init, resp, h, keys = handshake(c)
    key_id = int.from_bytes(subkey(c["secret"], 8, 16)[:8], "big")
    print("\t{")
    print('\t.name = "%s",' % c["name"])
    print("\t.end = '%s'," % c["end"])
    for field in ("isid", "previous", "ifeatures", "rsid", "rfeatures"):
        print("\t.%s = %s," % (field, number(c[field])))
    print("\t.flows = %d," % c["flows"])
    print("\t.port = %d," % c["yours"][1])
    print("\t.id = UINT64_C(0x%016x)," % key_id)
    arrays = {
        "secret": c["secret"],
        "ei": c["ei"],
        "er": c["er"],
        "assoc": c["assoc"],
        "ip": address(*c["yours"])[:16],
        "init": init,
        "resp": resp,
        "hash": h,
    }
    for field, value in arrays.items():
        print("\t.%s = %s," % (field, array(value)))
    pairs = {
        "key": keys,
        "psk": [subkey(c["secret"], i, 32) for i in (1, 2)],
        "init_mac": [subkey(c["secret"], i, 16) for i in (3, 4)],
        "resp_mac": [subkey(c["secret"], i, 16) for i in (5, 6)],
    }
    for field, (one, two) in pairs.items():
        print("\t.%s = { %s, %s }," % (field, array(one), array(two)))
    print("\t.cookie = %s," % array(subkey(c["secret"], 7, 32)))
    print("\t},")


HEAD = """/* SPDX-License-Identifier: ISC */
/* Known answers for handshakes.  Made by noise_kat.py: change that. */
#ifndef NOISE_KAT_H
#define NOISE_KAT_H

#include <stdint.h>

struct noise_kat {
	const char *name;
	char end; /* the initiator's */
	uint32_t isid, previous, ifeatures, rsid, rfeatures;
	uint16_t flows, port;
	uint64_t id; /* of the key */
	uint8_t secret[32], ei[32], er[32], assoc[8], ip[16];
	uint8_t init[124], resp[108];
	uint8_t hash[32];   /* handshake hash */
	uint8_t key[2][32]; /* initiator to responder, and back */
	uint8_t psk[2][32], init_mac[2][16], resp_mac[2][16], cookie[32];
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
