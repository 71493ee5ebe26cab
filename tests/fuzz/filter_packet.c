/* SPDX-License-Identifier: ISC */
#include "filter_packet.h"

#include <linux/filter.h>
#include <string.h>
#include <sys/socket.h>

#include "shared/internal.h"
#include "shared/net.h"
#include "shared/seccomp.h"

enum { FILTER_KERNEL = 64 }; /* each so manieth program is attached indeed */

struct bpf filter_program;
static unsigned filter_turn;

int __wrap_seccomp_setsockopt(int fd, int level, int option, const void *value,
    unsigned len);
int __real_seccomp_setsockopt(int fd, int level, int option, const void *value,
    unsigned len);

int
__wrap_seccomp_setsockopt(int fd, int level, int option, const void *value,
    unsigned len)
{
	const struct sock_fprog *prog = value;

	FUZZ_ASSERT(prog->len > 0 && prog->len <= BPF_MAXINSNS);
	memcpy(filter_program.at, prog->filter,
	    prog->len * sizeof(prog->filter[0]));
	filter_program.len = prog->len;
	if (filter_turn++ % FILTER_KERNEL == 0)
		FUZZ_ASSERT(__real_seccomp_setsockopt(fd, level, option, value,
		    len) == 0);
	return 0;
}

struct mp_addr
filter_addr(struct feed *f, bool v4)
{
	static const uint8_t first[] = { 127, 10, 224, 255, 192, 0 };
	static const uint8_t six[][2] = { { 0x20, 1 }, { 0xfe, 0x80 },
		{ 0xff, 1 }, { 0, 0 }, { 0xff, 5 } };
	uint8_t n = feed_byte(f);
	struct mp_addr a = { .port = (uint16_t[]) { 53, 7777, 5000, 1 }[
	    n & 3] };

	if (v4) {
		memset(a.ip + 10, 0xff, 2);
		a.ip[12] = first[(n >> 2) % 6];
		a.ip[13] = n & 64 ? 255 : 0;
		a.ip[15] = n & 128 ? 1 : a.ip[13];
		if (a.ip[12] == 255)
			a.ip[14] = a.ip[15] = 255;
	} else {
		memcpy(a.ip, six[(n >> 2) % 5], 2);
		a.ip[9] = n & 64 ? 7 : 0;
		a.ip[15] = n & 128 ? 1 : 2;
	}
	return a;
}

static void
filter_headers(struct filter_packet *p, bool v4, size_t len, uint32_t ifindex)
{
	struct bpf_packet *s = &p->seen;

	memset(s, 0, sizeof(*s));
	s->iplen = v4 ? 20 : 40;
	s->ip[0] = v4 ? 0x45 : 0x60;
	memcpy(s->ip + (v4 ? 12 : 8), p->from.ip + (v4 ? 12 : 0), v4 ? 4 : 16);
	memcpy(s->ip + (v4 ? 16 : 24), p->to.ip + (v4 ? 12 : 0), v4 ? 4 : 16);
	s->udp[0] = (uint8_t)(p->from.port >> 8);
	s->udp[1] = (uint8_t)p->from.port;
	s->udp[5] = (uint8_t)(len + 8);
	s->payload = p->payload;
	s->len = len;
	s->ifindex = ifindex;
}

void
filter_packet(struct feed *f, struct filter_packet *p,
    const uint8_t token[ARENA_TOKEN])
{
	uint8_t how = feed_byte(f), kind = feed_byte(f);
	size_t len = feed_byte(f) % FILTER_SPAN;
	bool v4 = how & 1;

	memset(p, 0, sizeof(*p));
	p->from = filter_addr(f, v4);
	p->to = filter_addr(f, v4);
	feed_fill(f, p->payload, 8);
	switch (how >> 1 & 7) {
	case 0: /* of a session */
		p->payload[0] = FILTER_PREFIX;
		p->payload[6] = p->payload[7] = 0;
		break;
	case 1:
		memcpy(p->payload, "\x9d\x4e\xc2\xb7", 4);
		break;
	case 2: /* internal */
		p->payload[0] = p->payload[2] = 0;
		p->payload[3] = kind & 15;
		memcpy(p->payload + 4, token, ARENA_TOKEN);
		if (kind & 128)
			p->payload[4 + (kind >> 4 & 7) * 2] ^= 1;
		break;
	case 3:
		p->payload[0] = FILTER_PREFIX;
		break;
	}
	if (how & 128)
		len = MP_OVERHEAD + (kind & 1) - 1 +
		    (how & 64 ? INTERNAL_OVERHEAD - MP_OVERHEAD : 0);
	filter_headers(p, v4, len, how & 32 ? NET_LOOPBACK : 2);
}

int
filter_socket(void)
{
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0), on = 1;

	FUZZ_ASSERT(fd >= 0);
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	return fd;
}
