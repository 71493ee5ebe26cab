/* SPDX-License-Identifier: ISC */
/* core/wire.c byte by byte, and everything that must not be accepted. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "hex.h"
#include "mp.h"
#include "suites.h"
#include "wire.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

/* A copy of that very size, so that a sanitizer sees a byte read past it. */
static uint8_t *
exact(const uint8_t *in, size_t len)
{
	uint8_t *p = malloc(len + (len == 0));

	ck_assert_ptr_nonnull(p);
	memcpy(p, in, len);
	return p;
}

/* --- Head in the clear ---------------------------------------------------- */

static const struct ad_row {
	const char *name;
	struct wire_ad ad;
	const char *bytes;
	uint16_t flow_back; /* as it is read back */
} ads[] = {
	{ "zeros", { 0, false, false, 0, 0 }, "000000000000000000000000", 0 },
	{ "each in its place", { 0x12345678, false, false, 0x0203,
	    UINT64_C(0x0405060708090a0b) & 0xffffffffffff },
	    "123456780203060708090a0b", 0x0203 },
	{ "C", { 0x12345678, true, false, 1, 1 },
	    "123456790001000000000001", 1 },
	{ "direction", { 0x12345678, false, true, 1, 1 },
	    "123456788001000000000001", 1 },
	{ "both", { 0xfffffffe, true, true, 0x7ffe, 0xffffffffffff },
	    "fffffffffffeffffffffffff", 0x7ffe },
	{ "C only by its flag", { 0x12345679, false, false, 1, 1 },
	    "123456780001000000000001", 1 },
	{ "highest flow", { 2, false, false, WIRE_FLOW_MAX, 9 },
	    "000000027ffe000000000009", 0x7ffe },
	/* no flow id changes the direction, or becomes another flow's */
	{ "flow 0x7fff", { 2, false, false, 0x7fff, 9 },
	    "000000027fff000000000009", 0x7fff },
	{ "flow 0x8000", { 2, false, false, 0x8000, 9 },
	    "000000027fff000000000009", 0x7fff },
	{ "flow 0x8001, direction 1", { 2, false, true, 0x8001, 9 },
	    "00000002ffff000000000009", 0x7fff },
	{ "flow 0xffff", { 2, false, false, 0xffff, 9 },
	    "000000027fff000000000009", 0x7fff },
	/* nor does a sequence number change the flow */
	{ "49 bits", { 2, false, false, 4, (UINT64_C(1) << 48) + 9 },
	    "000000020004000000000009", 4 },
	{ "64 bits", { 2, false, false, 4, UINT64_MAX },
	    "000000020004ffffffffffff", 4 },
};

START_TEST(ad_layout)
{
	const struct ad_row *r = &ads[_i];
	uint8_t packet[WIRE_MIN] = { 0 }, want[WIRE_AD];
	struct wire_ad ad;

	ck_assert_uint_eq(hex_bytes(want, WIRE_AD, r->bytes), WIRE_AD);
	wire_put_ad(packet, &r->ad);
	ck_assert_msg(memcmp(packet, want, WIRE_AD) == 0, "%s", r->name);
	ck_assert(wire_get_ad(packet, WIRE_MIN, &ad));
	ck_assert_uint_eq(ad.sid, r->ad.sid & 0xfffffffe);
	ck_assert_int_eq(ad.control, r->ad.control);
	ck_assert_int_eq(ad.dir, r->ad.dir);
	ck_assert_uint_eq(ad.flow, r->flow_back);
	ck_assert_uint_eq(ad.seq, r->ad.seq & 0xffffffffffff);
}
END_TEST

START_TEST(ad_short)
{
	uint8_t packet[WIRE_MIN] = { 1 }, *p;
	struct wire_ad ad;
	size_t len;

	for (len = 0; len <= WIRE_MIN; len++) {
		p = exact(packet, len);
		ck_assert_int_eq(wire_get_ad(p, len, &ad), len == WIRE_MIN);
		free(p);
	}
}
END_TEST

START_TEST(sid_layout)
{
	uint32_t slot;

	ck_assert_uint_eq(WIRE_SID(0xab, 0, 0), 0xab000000);
	ck_assert_uint_eq(WIRE_SID(0, 31, 0), 0x00f80000);
	ck_assert_uint_eq(WIRE_SID(0, 0, 0x3ffff), 0x0007fffe);
	ck_assert_uint_eq(WIRE_SID(0, 0, 0x40000), 0);
	for (slot = 0; slot < MP_SLOTS_MAX; slot++)
		ck_assert_uint_eq(WIRE_SID_SLOT(WIRE_SID(0xff, slot, -1)),
		    slot);
	/* No sid equals the magic, as C is not part of a sid. */
	ck_assert_uint_eq(WIRE_MAGIC & WIRE_SID_C, 1);
}
END_TEST

/* --- Sealed head ---------------------------------------------------------- */

enum body { ANY, NONE, ZEROS };

/* Every known combination, the bytes before its body, and what its body may
 * be. */
static const struct flags_row {
	uint16_t flags;
	uint16_t off;
	enum body body;
} known[] = {
	{ 0x0000, 6, ANY }, /* data */
	{ 0x0001, 8, ZEROS },
	{ 0x0005, 10, ZEROS },
	{ 0x0009, 17, ZEROS },
	{ 0x000d, 19, ZEROS },
	{ 0x0011, 17, ZEROS },
	{ 0x0015, 19, ZEROS },
	{ 0x0019, 25, ZEROS },
	{ 0x001d, 27, ZEROS },
	{ 0x0021, 12, ZEROS },
	{ 0x0025, 14, ZEROS },
	{ 0x0029, 21, ZEROS },
	{ 0x002d, 23, ZEROS },
	{ 0x0031, 21, ZEROS },
	{ 0x0035, 23, ZEROS },
	{ 0x0039, 29, ZEROS },
	{ 0x003d, 31, ZEROS },
	{ 0x0401, 12, ZEROS },
	{ 0x0405, 14, ZEROS },
	{ 0x0409, 21, ZEROS },
	{ 0x040d, 23, ZEROS },
	{ 0x0411, 21, ZEROS },
	{ 0x0415, 23, ZEROS },
	{ 0x0419, 29, ZEROS },
	{ 0x041d, 31, ZEROS },
	{ 0x0421, 16, ZEROS },
	{ 0x0425, 18, ZEROS },
	{ 0x0429, 25, ZEROS },
	{ 0x042d, 27, ZEROS },
	{ 0x0431, 25, ZEROS },
	{ 0x0435, 27, ZEROS },
	{ 0x0439, 33, ZEROS },
	{ 0x043d, 35, ZEROS },
	{ 0x0801, 10, ZEROS },
	{ 0x0805, 12, ZEROS },
	{ 0x0809, 19, ZEROS },
	{ 0x080d, 21, ZEROS },
	{ 0x0811, 19, ZEROS },
	{ 0x0815, 21, ZEROS },
	{ 0x0819, 27, ZEROS },
	{ 0x081d, 29, ZEROS },
	{ 0x0821, 14, ZEROS },
	{ 0x0825, 16, ZEROS },
	{ 0x0829, 23, ZEROS },
	{ 0x082d, 25, ZEROS },
	{ 0x0831, 23, ZEROS },
	{ 0x0835, 25, ZEROS },
	{ 0x0839, 31, ZEROS },
	{ 0x083d, 33, ZEROS },
	{ 0x0c01, 14, ZEROS },
	{ 0x0c05, 16, ZEROS },
	{ 0x0c09, 23, ZEROS },
	{ 0x0c0d, 25, ZEROS },
	{ 0x0c11, 23, ZEROS },
	{ 0x0c15, 25, ZEROS },
	{ 0x0c19, 31, ZEROS },
	{ 0x0c1d, 33, ZEROS },
	{ 0x0c21, 18, ZEROS },
	{ 0x0c25, 20, ZEROS },
	{ 0x0c29, 27, ZEROS },
	{ 0x0c2d, 29, ZEROS },
	{ 0x0c31, 27, ZEROS },
	{ 0x0c35, 29, ZEROS },
	{ 0x0c39, 35, ZEROS },
	{ 0x0c3d, 37, ZEROS },
	{ 0x0002, 6, NONE },
	{ 0x0006, 6, ANY },
	{ 0x0040, 6, ANY },
	{ 0x0080, 6, NONE },
	{ 0x0100, 18, ANY },
	{ 0x0104, 18, ANY }, /* COPY made because the peer makes copies */
	{ 0x0300, 18, ANY }, /* COPY made because the flow is lossy */
	/* parts, whose lengths have a test of their own */
	{ 0x0800, 21, ANY },
	{ 0x0900, 21, ANY },
	{ 0x0904, 21, ANY },
	{ 0x0b00, 21, ANY },
};

START_TEST(flags_all)
{
	uint8_t in[64] = { 0 };
	struct wire_msg m;
	uint32_t flags;
	int i;

	for (flags = 0; flags <= 0xffff; flags++) {
		/* the highest four say how long a timestamp was held */
		bool data = (flags & 0xfff) == 0, listed = false;

		for (i = 0; i < COUNT(known); i++)
			listed |= known[i].flags == (flags & 0xfff);
		in[0] = (uint8_t)(flags >> 8);
		in[1] = (uint8_t)flags;
		ck_assert_msg((wire_get_msg(in, 64, !data, &m) ==
		    WIRE_EFLAGS) == !listed, "%#x", flags);
		ck_assert_msg(wire_get_msg(in, 64, data, &m) == WIRE_EFLAGS,
		    "%#x with the wrong C", flags);
	}
}
END_TEST

enum { PARTS = 4 }; /* rows at the end of known[] */

/* Parts: the length of each follows from the whole one. */
static const struct part_row {
	uint16_t total;
	uint8_t part;
	size_t len;
	bool ok;
} part_rows[] = {
	{ 2, 0, 1, true },
	{ 2, 1, 1, true },
	{ 3, 0, 2, true },
	{ 3, 1, 1, true },
	{ 3, 0, 1, false },
	{ 3, 1, 2, false },
	{ 1401, 0, 701, true },
	{ 1401, 1, 700, true },
	{ 1401, 0, 1401, false },
	{ 1401, 2, 700, false },
	{ 1401, 255, 700, false },
	{ 0, 0, 0, true },
	{ 0, 1, 0, true },
	{ 1, 0, 1, true },
	{ 1, 1, 0, true },
	{ 2, 0, 0, false },
	{ MP_PAYLOAD_MAX, 1, MP_PAYLOAD_MAX / 2, true },
	{ MP_PAYLOAD_MAX + 1, 0, MP_PAYLOAD_MAX / 2 + 1, false },
	{ 65535, 1, 32767, false },
};

START_TEST(parts)
{
	static uint8_t out[65536];
	const struct part_row *r = &part_rows[_i];
	struct wire_msg m = { .flags = WIRE_FRAG, .total = r->total,
		.part = r->part }, back;
	size_t at;

	m.copy = (struct wire_ad) { .sid = 0x44444444, .flow = 5, .seq = 6 };
	at = wire_put_msg(out, &m);
	ck_assert_uint_eq(at, 21);
	ck_assert_int_eq(wire_get_msg(out, at + r->len, true, &back),
	    r->ok ? WIRE_OK : WIRE_EBODY);
	ck_assert_uint_eq(back.total, r->total);
	ck_assert_uint_eq(back.part, r->part);
	ck_assert_uint_eq(back.copy.sid, m.copy.sid);
	ck_assert_uint_eq(back.copy.flow, m.copy.flow);
	ck_assert_uint_eq(back.copy.seq, m.copy.seq);
	for (at = 0; at < 21; at++)
		ck_assert_int_eq(wire_get_msg(out, at, true, &back),
		    WIRE_EBODY);
}
END_TEST

/* Every length of every known message, and every byte of a body. */
START_TEST(lengths)
{
	const struct flags_row *r = &known[_i];
	bool control = r->flags != 0;
	uint8_t in[64] = { 0 }, *p;
	struct wire_msg m;
	size_t len, i;

	in[0] = (uint8_t)(r->flags >> 8);
	in[1] = (uint8_t)r->flags;
	memset(in + 2, 0xff, r->off - 2); /* fields may have any value */
	for (len = 0; len <= sizeof(in); len++) {
		bool ok = len == r->off || (len > r->off && r->body != NONE);

		p = exact(in, len);
		ck_assert_msg(wire_get_msg(p, len, control, &m) ==
		    (ok ? WIRE_OK : WIRE_EBODY), "length %zu", len);
		free(p);
		if (!ok)
			continue;
		ck_assert_uint_eq(m.flags, r->flags);
		ck_assert_uint_eq(m.off, r->off);
		ck_assert_uint_eq(m.len, len - r->off);
	}
	for (i = r->off; i < sizeof(in); i++) {
		in[i] = (uint8_t)(1 << i % 8);
		ck_assert_int_eq(wire_get_msg(in, sizeof(in), control, &m),
		    r->body == ANY ? WIRE_OK : WIRE_EBODY);
		in[i] = 0;
	}
}
END_TEST

/* Fields that the flags do not ask for read as zero. */
START_TEST(msg_there_and_back)
{
	const struct flags_row *r = &known[_i];
	struct wire_msg m, back, want;
	uint8_t out[64];

	memset(&m, 0, sizeof(m));
	m.flags = r->flags;
	m.ts = 0x1234;
	m.tsreply = 0x5678;
	memset(m.challenge, 0x11, WIRE_TOKEN);
	memset(m.response, 0x22, WIRE_TOKEN);
	m.select = 0x33343536;
	m.held_log2 = 11;
	m.link = 0x37;
	m.data = 0x3839;
	m.number = 0x3a3b;
	m.sent = 0x3c3d;
	m.missing = 0x3e3f;
	m.skipped = 0x4041;
	m.copy.sid = 0x44444444;
	m.copy.flow = 5;
	m.copy.seq = 6;
	memset(out, 0xaa, sizeof(out));
	ck_assert_uint_eq(wire_put_msg(out, &m), r->off);
	ck_assert_uint_eq(out[r->off], 0xaa);
	ck_assert_int_eq(wire_get_msg(out, r->off, r->flags != 0, &back),
	    WIRE_OK);
	want = m;
	if (!(r->flags & WIRE_CHALLENGE))
		memset(want.challenge, 0, WIRE_TOKEN);
	if (!(r->flags & WIRE_RESPONSE))
		memset(want.response, 0, WIRE_TOKEN);
	if (!(r->flags & WIRE_SELECT))
		want.select = 0;
	if (!(r->flags & WIRE_COPYFLAG))
		memset(&want.copy, 0, sizeof(want.copy));
	if (!(r->flags & WIRE_TOKENS))
		want.link = 0;
	if (!(r->flags & WIRE_PROBE))
		want.data = 0;
	if (!(r->flags & WIRE_PROBE) || !(r->flags & WIRE_REPLY))
		want.number = 0;
	if (!(r->flags & WIRE_COUNT))
		want.sent = want.missing = 0;
	if (!(r->flags & WIRE_SKIP))
		want.skipped = 0;
	ck_assert_uint_eq(back.skipped, want.skipped);
	ck_assert_uint_eq(back.held_log2, want.held_log2);
	ck_assert_uint_eq(back.link, want.link);
	ck_assert_uint_eq(back.data, want.data);
	ck_assert_uint_eq(back.number, want.number);
	ck_assert_uint_eq(back.sent, want.sent);
	ck_assert_uint_eq(back.missing, want.missing);
	ck_assert_uint_eq(back.ts, want.ts);
	ck_assert_uint_eq(back.tsreply, want.tsreply);
	ck_assert_mem_eq(back.challenge, want.challenge, WIRE_TOKEN);
	ck_assert_mem_eq(back.response, want.response, WIRE_TOKEN);
	ck_assert_uint_eq(back.select, want.select);
	ck_assert_uint_eq(back.copy.sid, want.copy.sid);
	ck_assert_uint_eq(back.copy.flow, want.copy.flow);
	ck_assert_uint_eq(back.copy.seq, want.copy.seq);
}
END_TEST

static const struct msg_row {
	const char *name;
	struct wire_msg m;
	const char *bytes;
} msgs[] = {
	{ "data", { .ts = 0x0102, .tsreply = WIRE_TS_NONE }, "00000102ffff" },
	{ "probe with all, in the order of the bits",
	    { .flags = 0x0c3d, .ts = 0x0102, .tsreply = 0x0304, .held_log2 = 5,
	    .data = 0x4041, .number = 0x4243, .sent = 0x4445,
	    .missing = 0x4647, .skipped = 0x494a, .link = 0x48,
	    .challenge = { 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17 },
	    .response = { 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27 },
	    .select = 0x30313233 },
	    "5c3d01020304" "4041" "4243" "4445" "4647" "494a" "48"
	    "1011121314151617" "2021222324252627" "30313233" },
	{ "response and select",
	    { .flags = 0x0031, .response = { 1, 2, 3, 4, 5, 6, 7, 8 },
	    .select = 9 },
	    "003100000000" "0000" "00" "0102030405060708" "00000009" },
	{ "copy of a data packet",
	    { .flags = WIRE_COPYFLAG,
	    .copy = { 0xabcdef02, false, true, 0x0102, 0x030405060708 } },
	    "010000000000" "abcdef02" "8102030405060708" },
	{ "copy of a control packet (which nobody makes)",
	    { .flags = WIRE_COPYFLAG,
	    .copy = { 0xabcdef02, true, false, 0x7ffe, 1 } },
	    "010000000000" "abcdef03" "7ffe000000000001" },
};

START_TEST(msg_layout)
{
	const struct msg_row *r = &msgs[_i];
	uint8_t out[64], want[64];
	struct wire_msg m;
	size_t len;

	len = hex_bytes(want, sizeof(want), r->bytes);
	ck_assert_uint_eq(wire_put_msg(out, &r->m), len);
	ck_assert_msg(memcmp(out, want, len) == 0, "%s", r->name);
	ck_assert_int_eq(wire_get_msg(want, len, r->m.flags != 0, &m),
	    WIRE_OK);
	ck_assert_int_eq(m.copy.control, r->m.copy.control);
	ck_assert_int_eq(m.copy.dir, r->m.copy.dir);
}
END_TEST

/* --- Address lists -------------------------------------------------------- */

static struct mp_addr
addr_of(const char *text, uint16_t port)
{
	struct mp_addr a = { .port = port };

	if (strchr(text, ':') != NULL) {
		ck_assert_int_eq(inet_pton(AF_INET6, text, a.ip), 1);
		return a;
	}
	a.ip[10] = a.ip[11] = 0xff;
	ck_assert_int_eq(inet_pton(AF_INET, text, a.ip + 12), 1);
	return a;
}

/* What a list gives: "-" for an entry to be ignored; NULL: its end. */
#define V4 "0704" "1f90" "c0000201"			       /* 192.0.2.1 */
#define V6 "1306" "01bb" "20010db8000000000000000000000001" /* 2001:db8::1 */

static const struct list_row {
	const char *name, *bytes;
	const char *want[5];
} lists[] = {
	{ "empty", "", { NULL } },
	{ "one", V4, { "192.0.2.1" } },
	{ "one of each", V4 V6, { "192.0.2.1", "2001:db8::1" } },
	{ "same twice", V6 V6, { "2001:db8::1", "2001:db8::1" } },
	/* a malformed entry between two good ones */
	{ "length 0", V4 "00" V6, { "192.0.2.1", "-", "2001:db8::1" } },
	{ "length 1", V4 "0104" V6, { "192.0.2.1", "-", "2001:db8::1" } },
	{ "length 3", V4 "03041f90" V6, { "192.0.2.1", "-", "2001:db8::1" } },
	{ "length 6", V4 "06041f90c00002" V6,
	    { "192.0.2.1", "-", "2001:db8::1" } },
	{ "length 8", V4 "08041f90c000020101" V6,
	    { "192.0.2.1", "-", "2001:db8::1" } },
	{ "IPv6's length, IPv4's family",
	    V4 "1304" "01bb" "20010db8000000000000000000000001" V6,
	    { "192.0.2.1", "-", "2001:db8::1" } },
	{ "IPv4's length, IPv6's family", V4 "07061f90c0000201" V6,
	    { "192.0.2.1", "-", "2001:db8::1" } },
	{ "IPv6, 18", V4 "1206" "01bb" "20010db80000000000000000000000" V6,
	    { "192.0.2.1", "-", "2001:db8::1" } },
	{ "family 0", V4 "07001f90c0000201" V6,
	    { "192.0.2.1", "-", "2001:db8::1" } },
	{ "family 2, AF_INET", V4 "07021f90c0000201" V6,
	    { "192.0.2.1", "-", "2001:db8::1" } },
	{ "family 255", V4 "07ff1f90c0000201" V6,
	    { "192.0.2.1", "-", "2001:db8::1" } },
	{ "port 0", V4 "07040000c0000201" V6,
	    { "192.0.2.1", "-", "2001:db8::1" } },
	{ "0.0.0.0", V4 "07041f9000000000" V6,
	    { "192.0.2.1", "-", "2001:db8::1" } },
	{ "255.255.255.255", V4 "07041f90ffffffff" V6,
	    { "192.0.2.1", "-", "2001:db8::1" } },
	{ "224.0.0.1", V4 "07041f90e0000001" V6,
	    { "192.0.2.1", "-", "2001:db8::1" } },
	{ "::", V4 "1306" "01bb" "00000000000000000000000000000000" V6,
	    { "192.0.2.1", "-", "2001:db8::1" } },
	{ "ff02::1", V4 "1306" "01bb" "ff020000000000000000000000000001" V6,
	    { "192.0.2.1", "-", "2001:db8::1" } },
	{ "::ffff:192.0.2.1 as IPv6",
	    V4 "1306" "01bb" "00000000000000000000ffffc0000201" V6,
	    { "192.0.2.1", "-", "2001:db8::1" } },
	{ "port 0 of IPv6", "1306" "0000" "20010db8000000000000000000000001",
	    { "-" } },
	/* the caller judges loopback and link-local addresses */
	{ "127.0.0.1", "07041f907f000001", { "127.0.0.1" } },
	{ "fe80::1", "1306" "01bb" "fe800000000000000000000000000001",
	    { "fe80::1" } },
	/* a length past the end ends the list */
	{ "length 255", V4 "ff" V6, { "192.0.2.1", "-" } },
	{ "length past the end", V4 "14" "06"
	    "01bb" "20010db8000000000000000000000001", { "192.0.2.1", "-" } },
	{ "nothing behind the length", V4 "07", { "192.0.2.1", "-" } },
	{ "zeros", "000000", { "-", "-", "-" } },
};

START_TEST(list)
{
	const struct list_row *r = &lists[_i];
	uint8_t bytes[128], *p;
	size_t len = hex_bytes(bytes, sizeof(bytes), r->bytes), off = 0;
	struct mp_addr a, want;
	int i;

	p = exact(bytes, len);
	for (i = 0; r->want[i] != NULL; i++) {
		size_t before = off;
		int got = wire_get_addr(p, len, &off, &a);

		ck_assert_uint_gt(off, before);
		ck_assert_msg(got == (r->want[i][0] == '-' ? -1 : 1),
		    "%s, number %d: %d", r->name, i, got);
		if (got != 1)
			continue;
		want = addr_of(r->want[i],
		    strchr(r->want[i], '.') != NULL ? 8080 : 443);
		ck_assert_mem_eq(a.ip, want.ip, 16);
		ck_assert_uint_eq(a.port, want.port);
	}
	ck_assert_uint_eq(off, len);
	ck_assert_int_eq(wire_get_addr(p, len, &off, &a), 0);
	off = len + 1;
	ck_assert_int_eq(wire_get_addr(p, len, &off, &a), 0);
	free(p);
}
END_TEST

/* A list cut anywhere: complete entries are read. */
START_TEST(list_cut)
{
	uint8_t bytes[48], *p;
	struct mp_addr a;
	size_t len, cut, off;
	int whole, got;

	len = hex_bytes(bytes, sizeof(bytes), V4 V6 V4);
	for (cut = 0; cut <= len; cut++) {
		p = exact(bytes, cut);
		off = 0;
		for (whole = 0; (got = wire_get_addr(p, cut, &off, &a)) == 1;
		    whole++)
			;
		ck_assert_int_eq(whole, (cut >= WIRE_IP4) +
		    (cut >= WIRE_IP4 + WIRE_IP6) + (cut == len));
		ck_assert_int_eq(got, cut == 0 || cut == WIRE_IP4 ||
		    cut == WIRE_IP4 + WIRE_IP6 || cut == len ? 0 : -1);
		ck_assert_uint_eq(off, cut);
		ck_assert_int_eq(wire_get_addr(p, cut, &off, &a), 0);
		free(p);
	}
}
END_TEST

START_TEST(addr_layout)
{
	struct mp_addr v4 = addr_of("192.0.2.1", 8080);
	struct mp_addr v6 = addr_of("2001:db8::1", 443);
	uint8_t out[WIRE_IP6 + 1], want[WIRE_IP6];

	memset(out, 0xaa, sizeof(out));
	hex_bytes(want, sizeof(want), V4);
	ck_assert_uint_eq(wire_put_addr(out, &v4), WIRE_IP4);
	ck_assert_mem_eq(out, want, WIRE_IP4);
	ck_assert_uint_eq(out[WIRE_IP4], 0xaa);
	hex_bytes(want, sizeof(want), V6);
	ck_assert_uint_eq(wire_put_addr(out, &v6), WIRE_IP6);
	ck_assert_mem_eq(out, want, WIRE_IP6);
	ck_assert_uint_eq(out[WIRE_IP6], 0xaa);
}
END_TEST

/* --- Handshake ------------------------------------------------------------ */

static const struct handshake_row {
	enum wire_type type;
	size_t len;
	const char *bytes;
} handshakes[] = {
	{ WIRE_T_INIT, 172, "9d4ec2b7" "01030000" "12345678" },
	{ WIRE_T_RESP, 108, "9d4ec2b7" "02030000" "12345678" },
	{ WIRE_T_COOKIE, 68, "9d4ec2b7" "03030000" "12345678" },
};

START_TEST(handshake)
{
	const struct handshake_row *r = &handshakes[_i];
	struct wire_handshake s = { r->type, 0x12345678 };
	uint8_t packet[224] = { 0 }, want[WIRE_HANDSHAKE], *p;
	size_t len, i;
	bool ok;

	hex_bytes(want, sizeof(want), r->bytes);
	wire_put_handshake(packet, &s);
	ck_assert_mem_eq(packet, want, WIRE_HANDSHAKE);
	for (len = 0; len <= sizeof(packet); len++) {
		p = exact(packet, len);
		ck_assert_int_eq(wire_is_handshake(p, len), len >= 4);
		memset(&s, 0, sizeof(s));
		ok = wire_get_handshake(p, len, &s);
		ck_assert_msg(ok == (len == r->len), "length %zu", len);
		free(p);
		if (ok) {
			ck_assert_int_eq(s.type, r->type);
			ck_assert_uint_eq(s.isid, 0x12345678);
		}
	}
	for (i = 0; i < WIRE_HANDSHAKE; i++) { /* only the sid may differ */
		packet[i] ^= 0x40;
		ck_assert_int_eq(wire_get_handshake(packet, r->len, &s),
		    i >= 8);
		ck_assert_int_eq(wire_is_handshake(packet, r->len), i >= 4);
		packet[i] ^= 0x40;
	}
}
END_TEST

START_TEST(handshake_types)
{
	static const size_t lens[] = { 12, WIRE_INIT, WIRE_RESP, WIRE_COOKIE };
	struct wire_handshake s = { WIRE_T_INIT, 2 };
	uint8_t packet[224] = { 0 };
	int type, i;

	wire_put_handshake(packet, &s);
	for (type = 0; type < 256; type++)
		for (i = 0; i < COUNT(lens); i++) {
			packet[4] = (uint8_t)type;
			ck_assert_int_eq(wire_get_handshake(packet, lens[i],
			    &s),
			    type >= 1 && type <= 3 && i == type);
		}
}
END_TEST

START_TEST(init_layout)
{
	struct wire_init in = { 0x01020304, 0x40000001,
		{ 1, 2, 3, 4, 5, 6, 7, 8 }, { [0] = 0x20, [15] = 9 } }, back;
	uint8_t out[WIRE_INNER], want[WIRE_INNER] = { 0 };

	hex_bytes(want, sizeof(want), "01020304" "40000001" "0102030405060708"
	    "20000000000000000000000000000009");
	memset(out, 0xaa, sizeof(out));
	wire_put_init(out, &in);
	ck_assert_mem_eq(out, want, WIRE_INNER);
	wire_get_init(out, &back);
	ck_assert_uint_eq(back.previous, in.previous);
	ck_assert_uint_eq(back.features, in.features);
	ck_assert_mem_eq(back.assoc, in.assoc, 8);
	ck_assert_mem_eq(back.source, in.source, 16);
	ck_assert_uint_eq(WIRE_F_PRIMARY(63), 0x4000);
	ck_assert_uint_eq(WIRE_F_PRIMARY_ID(in.features | 0x4000), 63);
	ck_assert_uint_ge(WIRE_F_PRIMARY_ID(in.features), MP_FLOWS_MAX);
}
END_TEST

START_TEST(resp_layout)
{
	struct wire_resp re = { 0x01020304, 1,
		addr_of("2001:db8::1", 0x0506), 0x0708 }, back;
	uint8_t out[WIRE_INNER], want[WIRE_INNER] = { 0 };
	int i;

	hex_bytes(want, sizeof(want), "01020304" "00000001"
	    "20010db8000000000000000000000001" "0506" "0708");
	memset(out, 0xaa, sizeof(out));
	wire_put_resp(out, &re);
	ck_assert_mem_eq(out, want, WIRE_INNER);
	ck_assert(wire_get_resp(out, &back));
	ck_assert_uint_eq(back.sid, re.sid);
	ck_assert_uint_eq(back.features, re.features);
	ck_assert_mem_eq(back.yours.ip, re.yours.ip, 16);
	ck_assert_uint_eq(back.yours.port, re.yours.port);
	ck_assert_uint_eq(back.max_flows, re.max_flows);
	for (i = 0; i < WIRE_INNER; i++) {
		out[i] ^= (uint8_t)(1 << i % 8);
		ck_assert_int_eq(wire_get_resp(out, &back), i < 28);
		out[i] ^= (uint8_t)(1 << i % 8);
	}
}
END_TEST

Suite *
suite_wire(void)
{
	Suite *s = suite_create("wire");
	TCase *tc = tcase_create("packets");

	tcase_add_loop_test(tc, ad_layout, 0, COUNT(ads));
	tcase_add_test(tc, ad_short);
	tcase_add_test(tc, sid_layout);
	tcase_add_test(tc, flags_all);
	tcase_add_loop_test(tc, parts, 0, COUNT(part_rows));
	tcase_add_loop_test(tc, lengths, 0, COUNT(known) - PARTS);
	tcase_add_loop_test(tc, msg_there_and_back, 0,
	    COUNT(known) - PARTS);
	tcase_add_loop_test(tc, msg_layout, 0, COUNT(msgs));
	suite_add_tcase(s, tc);
	tc = tcase_create("addresses");
	tcase_add_loop_test(tc, list, 0, COUNT(lists));
	tcase_add_test(tc, list_cut);
	tcase_add_test(tc, addr_layout);
	suite_add_tcase(s, tc);
	tc = tcase_create("handshake");
	tcase_add_loop_test(tc, handshake, 0, COUNT(handshakes));
	tcase_add_test(tc, handshake_types);
	tcase_add_test(tc, init_layout);
	tcase_add_test(tc, resp_layout);
	suite_add_tcase(s, tc);
	return s;
}
