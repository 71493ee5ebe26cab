/* SPDX-License-Identifier: ISC */
#include "trace.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control.h"

enum {
	EPHEMERAL = 32768, /* the lowest port that Linux chooses (default) */
	PORTS = 64,
	SHOWN = 24, /* longer payloads are shown as a hash; bytes */
	HANGS = 3,  /* calls that hang until the program gives up */
};

long trace_ret;
sigjmp_buf trace_jump;
static const char *the_topic, *the_kind;
static unsigned ports[PORTS], nports, hangs;
static bool open_line;

static void
caught(int signal)
{
	siglongjmp(trace_jump, signal);
}

void
trace_open(const char *topic, const char *kind)
{
	static const int signals[] = { SIGALRM, SIGSEGV, SIGBUS, SIGABRT,
		SIGPIPE };
	struct sigaction sa = { .sa_handler = caught };
	size_t i;

	the_topic = topic;
	the_kind = kind;
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &sa, NULL);
	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
}

void
trace_close(void)
{
	if (open_line)
		putchar('\n');
	open_line = false;
	fflush(stdout);
}

void
trace_scene(void)
{
	nports = 0;
}

void
trace_arm(void)
{
	alarm(TRACE_PATIENCE);
}

void
trace_done(const char *label, long ret, int signal)
{
	int error = errno;

	alarm(0);
	trace_ret = ret;
	trace_close();
	open_line = true;
	printf("%s/%s/%s: ", the_topic, label, the_kind);
	if (signal == SIGALRM) {
		printf("HANGS");
		if (++hangs == HANGS) {
			trace_close();
			_exit(3);
		}
	} else if (signal != 0)
		printf("SIG%s", sigabbrev_np(signal));
	else if (ret == -1)
		printf("-1 %s", error == TRACE_ERRNO ? "(errno left alone)" :
		    strerrorname_np(error));
	else {
		printf("%ld", ret);
		if (error != TRACE_ERRNO)
			printf(" errno=%s", strerrorname_np(error));
	}
}

void
say(const char *format, ...)
{
	va_list ap;

	putchar(' ');
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
}

void
say_bytes(const void *data, long n)
{
	const uint8_t *p = data;
	uint32_t h = 2166136261u;
	bool text = n > 0 && n <= SHOWN;
	long i;

	if (n < 0)
		return;
	for (i = 0; i < n; i++) {
		h = (h ^ p[i]) * 16777619u;
		text = text && isprint(p[i]);
	}
	if (text)
		say("%ld:\"%.*s\"", n, (int)n, (const char *)p);
	else
		say("%ld:%08x", n, n > 0 ? h : 0);
}

/* --- Names --------------------------------------------------------------- */

/* A port that the kernel chose is shown by its rank: PORT1, PORT2, ... */
static void
say_port(unsigned port)
{
	unsigned i;

	if (port < EPHEMERAL) {
		printf(":%u", port);
		return;
	}
	for (i = 0; i < nports && ports[i] != port; i++)
		;
	if (i == nports && i < PORTS)
		ports[nports++] = port;
	printf(":PORT%u", i + 1);
}

void
say_sockaddr(const struct sockaddr *sa, size_t len)
{
	char text[INET6_ADDRSTRLEN];
	struct sockaddr_in sin;
	struct sockaddr_in6 sin6;
	sa_family_t family;

	if (len < sizeof(family)) {
		say("(no family)");
		return;
	}
	memcpy(&family, sa, sizeof(family));
	if (family == AF_INET && len >= sizeof(sin)) {
		memcpy(&sin, sa, sizeof(sin));
		inet_ntop(AF_INET, &sin.sin_addr, text, sizeof(text));
		say("inet %s", text);
		say_port(ntohs(sin.sin_port));
		for (size_t i = 0; i < sizeof(sin.sin_zero); i++)
			if (sin.sin_zero[i] != 0)
				printf("!%02x", sin.sin_zero[i]);
	} else if (family == AF_INET6 && len >= sizeof(sin6)) {
		memcpy(&sin6, sa, sizeof(sin6));
		inet_ntop(AF_INET6, &sin6.sin6_addr, text, sizeof(text));
		say("inet6 [%s]", text);
		say_port(ntohs(sin6.sin6_port));
		if (sin6.sin6_scope_id != 0)
			printf("%%%u", sin6.sin6_scope_id);
		if (sin6.sin6_flowinfo != 0)
			printf("/flow%x", ntohl(sin6.sin6_flowinfo));
	} else
		say("family %u cut", family);
}

void
name_fresh(struct name *n, socklen_t room)
{
	memset(n->byte, TRACE_FILL, sizeof(n->byte));
	n->len = n->room = room;
}

/* How many bytes the call has written: those up to the last changed one. */
static size_t
touched(const struct name *n)
{
	size_t i = sizeof(n->byte);

	while (i > 0 && n->byte[i - 1] == TRACE_FILL)
		i--;
	return i;
}

void
say_name(const struct name *n)
{
	size_t have = touched(n);

	say("len %u", n->len);
	if (have > n->room)
		say("WROTE %zu BYTES INTO %u", have, n->room);
	if (have == 0)
		say("(untouched)");
	else
		say_sockaddr(&n->sa, n->len < n->room ? n->len : n->room);
}

/* --- Messages ------------------------------------------------------------ */

struct msghdr *
message_fresh(struct message *m, size_t data, size_t control)
{
	memset(m, 0, sizeof(*m));
	memset(m->data, TRACE_FILL, sizeof(m->data));
	memset(m->control, TRACE_FILL, sizeof(m->control));
	name_fresh(&m->name, sizeof(m->name.ss));
	m->iov.iov_base = m->data;
	m->iov.iov_len = data;
	m->hdr.msg_name = &m->name;
	m->hdr.msg_namelen = m->name.room;
	m->hdr.msg_iov = &m->iov;
	m->hdr.msg_iovlen = 1;
	m->hdr.msg_control = control > 0 ? m->control : NULL;
	m->hdr.msg_controllen = control;
	m->hdr.msg_flags = 0x5a5a0000;
	return &m->hdr;
}

static void
say_flags(int flags)
{
	static const struct {
		int flag;
		const char *name;
	} rows[] = {
		{ MSG_TRUNC, "TRUNC" },
		{ MSG_CTRUNC, "CTRUNC" },
		{ MSG_ERRQUEUE, "ERRQUEUE" },
		{ MSG_OOB, "OOB" },
		{ MSG_EOR, "EOR" },
		{ MSG_CMSG_CLOEXEC, "CLOEXEC" },
		{ MSG_DONTWAIT, "DONTWAIT" },
		{ MSG_PEEK, "PEEK" },
	};
	size_t i;

	say("flags");
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (flags & rows[i].flag) {
			printf("+%s", rows[i].name);
			flags &= ~rows[i].flag;
		}
	if (flags != 0)
		printf("+%x", (unsigned)flags);
}

void
say_header(const struct msghdr *hdr)
{
	struct msghdr h = *hdr;
	struct cmsghdr *c;

	say_flags(hdr->msg_flags);
	say("control %zu", hdr->msg_controllen);
	if (hdr->msg_control == NULL)
		return;
	for (c = CMSG_FIRSTHDR(&h); c != NULL; c = CMSG_NXTHDR(&h, c))
		say_control(c);
}

void
say_message(const struct message *m, long n)
{
	struct name name = m->name;

	if (n < 0)
		return;
	say_bytes(m->data, n < (long)m->iov.iov_len ? n :
	    (long)m->iov.iov_len);
	name.len = m->hdr.msg_namelen;
	if (m->hdr.msg_name != NULL)
		say_name(&name);
	say_header(&m->hdr);
}

/* --- Wrong arguments, hidden from the compiler --------------------------- */

void *
wrong(const void *p)
{
	return (void *)(uintptr_t)p;
}

int
wrong_number(int n)
{
	return n;
}
