/* SPDX-License-Identifier: ISC */
#include "player.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "shared/internal.h"
#include "shared/net.h"
#include "state.h"

enum { PACKET = 65536 };

uint64_t
player_ms(void)
{
	return arena_now() / 1000;
}

void
player_sleep(int ms)
{
	(void)poll(NULL, 0, ms);
}

/* --- Requests ----------------------------------------------------------- */

struct ipc_request *
player_question(enum ipc_kind kind)
{
	static struct ipc_request ask;

	memset(&ask, 0, sizeof(ask));
	ask.version = IPC_VERSION;
	ask.kind = kind;
	ask.kernel = MP_DUAL;
	ask.family = AF_INET;
	ask.tell_private = 1;
	ask.local.ip[10] = ask.local.ip[11] = 0xff;
	strcpy(ask.program, "player");
	return &ask;
}

int
player_ask(struct player *p, const struct ipc_request *ask, const int *pass,
    int n, int *got)
{
	int fd, error = ipc_call((struct ipc_request *)(uintptr_t)ask, pass, n,
	    -1, &p->answer, &fd);

	if (got != NULL)
		*got = fd;
	else if (fd >= 0)
		close(fd);
	return error != 0 ? error : p->answer.error;
}

/* Binds a dual-stack socket to the port's wildcard, with SO_REUSEPORT before
 * bind(2) (`join') or after it. */
static int
bound(uint16_t port, bool join)
{
	struct sockaddr_in6 name = { .sin6_family = AF_INET6,
		.sin6_port = htons(port) };
	int fd, on = 1, off = 0;

	fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (join)
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&name, sizeof(name)) != 0) {
		close(fd);
		return -1;
	}
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	net_options(fd, MP_DUAL);
	return fd;
}

static struct ipc_request *
question_of(struct player *p, enum ipc_kind kind, const char *keys)
{
	struct ipc_request *ask = player_question(kind);
	socklen_t len = sizeof(p->cookie);
	struct stat st;

	getsockopt(p->fd, SOL_SOCKET, SO_COOKIE, &p->cookie, &len);
	fstat(p->fd, &st);
	ask->cookie = p->cookie;
	ask->inode = st.st_ino;
	ask->port = p->port;
	snprintf(ask->keys, sizeof(ask->keys), "%s", keys);
	return ask;
}

static int
take_arena(struct player *p, int error, int memfd)
{
	p->slot = p->answer.slot;
	if (error == 0)
		error = memfd < 0 ? -EBADF : arena_open(&p->map, memfd);
	if (memfd >= 0)
		close(memfd);
	return error;
}

int
player_ask_open(struct player *p, const char *keys, bool control)
{
	int fd = control ? bound(p->port, true) : -1, memfd, error;

	error = player_ask(p, question_of(p, IPC_OPEN, keys), &fd, control,
	    &memfd);
	if (control)
		close(fd);
	return take_arena(p, error, memfd);
}

int
player_open(struct player *p, int host, uint16_t port, const char *keys)
{
	memset(p, 0, sizeof(*p));
	p->netns = host;
	p->port = port;
	lab_enter(host);
	p->fd = bound(port, false);
	return p->fd < 0 ? -EADDRINUSE : player_ask_open(p, keys, true);
}

int
player_bind_beside(struct player *p, const struct player *first)
{
	memset(p, 0, sizeof(*p));
	p->netns = first->netns;
	p->port = first->port;
	lab_enter(p->netns);
	p->fd = bound(p->port, true);
	return p->fd < 0 ? -EADDRINUSE : 0;
}

int
player_join(struct player *p, const struct player *first, const char *keys)
{
	int error = player_bind_beside(p, first);

	return error != 0 ? error : player_ask_open(p, keys, false);
}

void
player_close(struct player *p)
{
	arena_unmap(&p->map);
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
}

static void
tell_agent(struct player *p, enum internal_kind kind)
{
	uint8_t buf[INTERNAL_OVERHEAD];
	struct internal in = { .kind = kind, .slot = p->slot };

	(void)internal_send(p->map.arena, p->fd, &in, NULL, 0, buf);
}

void
player_announce_close(struct player *p)
{
	tell_agent(p, INTERNAL_CLOSING);
	player_close(p);
}

void
player_connect(struct player *p, const struct mp_addr *peer)
{
	struct slot *is = &p->map.arena->slot[p->slot];

	arena_lock(p->map.arena);
	is->connected = true;
	is->peer = *peer;
	is->gen++;
	arena_unlock(p->map.arena);
	tell_agent(p, INTERNAL_WAKE);
}

int
player_find(struct player *p)
{
	int memfd, error;

	arena_unmap(&p->map);
	lab_enter(p->netns);
	error = player_ask(p, question_of(p, IPC_FIND, ""), NULL, 0, &memfd);
	return take_arena(p, error, memfd);
}

/* Copies the arena into a new memory file, and seals it. */
static int
copy_arena(const struct player *p)
{
	int fd = memfd_create("copy", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	const uint8_t *from = (const uint8_t *)p->map.arena;
	static const uint8_t zero[4096];
	size_t at;

	if (fd < 0 || ftruncate(fd, (off_t)p->map.size) != 0)
		return -1;
	for (at = 0; at + 4096 <= p->map.size; at += 4096)
		if (memcmp(from + at, zero, 4096) != 0 &&
		    pwrite(fd, from + at, 4096, (off_t)at) != 4096)
			return -1;
	fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	return fd;
}

int
player_adopt(struct player *p, const char *keys)
{
	int pass[IPC_PASS], memfd, error;

	lab_enter(p->netns);
	pass[0] = bound(p->port, true);
	pass[1] = copy_arena(p);
	arena_unmap(&p->map);
	error = player_ask(p, question_of(p, IPC_ADOPT, keys), pass, IPC_PASS,
	    &memfd);
	close(pass[0]);
	close(pass[1]);
	return take_arena(p, error, memfd);
}

/* --- Datagrams ---------------------------------------------------------- */

/* Wakes the agent if it would pump too late. */
static void
unlock(struct player *p)
{
	bool wake = mp_deadline(&p->map.mp) <
	    atomic_load(&p->map.arena->wakeup_at);

	arena_unlock(p->map.arena);
	if (wake)
		tell_agent(p, INTERNAL_WAKE);
}

static int
send_packet(struct player *p, struct mp_tx *tx, const void *data, size_t len)
{
	static uint8_t packet[PACKET];
	union {
		struct cmsghdr head;
		char room[NET_CONTROL];
	} control;
	struct sockaddr_in6 to;
	struct iovec iov = { .iov_base = packet,
		.iov_len = mp_seal(tx, data, len, packet) };
	struct msghdr msg = { .msg_name = &to, .msg_iov = &iov,
		.msg_iovlen = 1, .msg_control = &control };

	net_aim(&msg, MP_DUAL, &tx->path);
	return sendmsg(p->fd, &msg, 0) < 0 ? -errno : 0;
}

/* Sends what is staged for a session that is up. */
static int
send_staged(struct player *p, const struct mp_addr *to)
{
	static uint8_t data[MP_PAYLOAD_MAX];
	struct mp_tx tx[MP_TX_MAX];
	struct mp_tx_option option;
	size_t len;
	int i, n, done;

	for (;;) {
		arena_lock(p->map.arena);
		n = mp_staged_begin(&p->map.mp, arena_now(), p->slot, to, tx,
		    &option, data, sizeof(data), &len);
		unlock(p);
		if (n <= 0)
			return n;
		for (i = 0; i < n; i++)
			tx[i].error = send_packet(p, &tx[i], data, len);
		arena_lock(p->map.arena);
		done = mp_staged_commit(&p->map.mp, arena_now(), tx, n, data,
		    len);
		unlock(p);
		if (done < 0)
			return done;
	}
}

int
player_send(struct player *p, const struct mp_addr *to, const void *data,
    size_t len)
{
	struct mp_tx tx[MP_TX_MAX];
	uint64_t now;
	int i, n, done = 1;
	bool staged;

	while (done == 1) {
		now = arena_now();
		arena_lock(p->map.arena);
		n = mp_send_begin(&p->map.mp, now, p->slot, to, 0, len, 0, tx);
		staged = n == MP_EAGAIN;
		if (staged)
			n = mp_stage(&p->map.mp, now, p->slot, to, NULL, data,
			    len);
		unlock(p);
		if (staged && n == 1)
			return send_staged(p, to);
		if (n <= 0)
			return n;
		for (i = 0; i < n; i++)
			tx[i].error = send_packet(p, &tx[i], data, len);
		arena_lock(p->map.arena);
		done = mp_send_commit(&p->map.mp, arena_now(), tx, n, data,
		    len);
		unlock(p);
	}
	return done;
}

int
player_gather(struct player *p, const struct mp_addr *to, const void *data,
    size_t len)
{
	static const struct mp_tx_option none = { .tos = -1,
		.ttl = -1 };
	int n;

	arena_lock(p->map.arena);
	n = mp_gather(&p->map.mp, arena_now(), p->slot, to, &none, MP_BUNDLE_MAX,
	    data, len);
	unlock(p);
	return n;
}

void
player_trust_bundles(struct player *p)
{
	uint32_t i;

	arena_lock(p->map.arena);
	for (i = 0; i < p->map.mp.limits.flows; i++)
		p->map.mp.flows[i].offload.state = MP_BUNDLES_TRUSTED;
	unlock(p);
}

/* Takes what lies first: how many packets, or 0. */
static unsigned
take_bundle(struct player *p)
{
	static uint8_t packets[PACKET];
	union {
		struct cmsghdr head;
		char room[NET_CONTROL];
	} control;
	struct iovec iov = { .iov_base = packets, .iov_len = sizeof(packets) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control) };
	struct net_info info;
	ssize_t n = recvmsg(p->fd, &msg, MSG_DONTWAIT);

	if (n < 0)
		return 0;
	net_info_read(&msg, &info);
	return info.segment == 0 ? 1 : (unsigned)((size_t)n + info.segment -
	    1) / info.segment;
}

unsigned
player_count_bundled(struct player *p, int wait_ms, unsigned *most)
{
	struct pollfd poller = { .fd = p->fd, .events = POLLIN };
	unsigned n, all = 0;
	int on = 1;

	*most = 0;
	(void)setsockopt(p->fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on));
	while (poll(&poller, 1, wait_ms) > 0) {
		n = take_bundle(p);
		all += n;
		*most = n > *most ? n : *most;
	}
	return all;
}

void
player_throw(struct player *p, const struct mp_addr *to, const void *data,
    size_t len)
{
	struct sockaddr_in6 name;
	socklen_t size = net_put(to, AF_INET6, (struct sockaddr *)&name,
	    sizeof(name));

	(void)sendto(p->fd, data, len, 0, (struct sockaddr *)&name, size);
}

/* Takes one packet: the payload's length, or -EAGAIN: there is none for the
 * program. */
static int
take_packet(struct player *p, struct mp_addr *from, uint8_t *packet,
    const struct msghdr *msg, size_t len, size_t *off)
{
	struct mp_rx rx = { .slot = 0 };
	struct internal in;
	struct net_info info;
	enum mp_verdict v;
	int opened;

	if (internal_is(p->map.arena, packet, len)) {
		if (!internal_open(p->map.arena, &in, packet, len) ||
		    (in.kind != INTERNAL_DATA && in.kind != INTERNAL_LAST &&
		    in.kind != INTERNAL_ERROR))
			return -EAGAIN;
		*from = in.from;
		*off = in.off;
		if (in.kind == INTERNAL_ERROR)
			return -EHOSTUNREACH;
		return (int)in.len;
	}
	net_info_read(msg, &info);
	net_get(&rx.path.remote, msg->msg_name, msg->msg_namelen);
	rx.path.local = info.local;
	rx.path.ifindex = info.ifindex;
	rx.arrival = info.arrival;
	arena_lock(p->map.arena);
	v = mp_recv_begin(&p->map.mp, arena_now(), &rx, packet, len);
	unlock(p);
	if (v != MP_SEALED)
		return -EAGAIN;
	opened = mp_open(&rx, packet, len, packet);
	arena_lock(p->map.arena);
	v = mp_recv_commit(&p->map.mp, arena_now(), &rx, packet, opened);
	unlock(p);
	if (v != MP_DELIVER)
		return -EAGAIN;
	*from = rx.from;
	*off = rx.off;
	return (int)rx.len;
}

int
player_recv(struct player *p, struct mp_addr *from, void *data, size_t size,
    int wait_ms)
{
	static uint8_t packet[PACKET];
	uint64_t until = player_ms() + (uint64_t)wait_ms, now;
	struct pollfd poller = { .fd = p->fd, .events = POLLIN };
	union {
		struct cmsghdr head;
		char room[NET_CONTROL];
	} control;
	struct sockaddr_in6 name;
	size_t off = 0;
	ssize_t len;
	int n;

	while ((now = player_ms()) <= until) {
		struct iovec iov = { .iov_base = packet,
			.iov_len = sizeof(packet) };
		struct msghdr msg = { .msg_name = &name,
			.msg_namelen = sizeof(name), .msg_iov = &iov,
			.msg_iovlen = 1, .msg_control = &control,
			.msg_controllen = sizeof(control) };

		if (poll(&poller, 1, (int)(until - now)) <= 0)
			break;
		len = recvmsg(p->fd, &msg, MSG_DONTWAIT);
		if (len < 0)
			continue;
		n = take_packet(p, from, packet, &msg, (size_t)len, &off);
		if (n == -EAGAIN)
			continue;
		if (n > 0)
			memcpy(data, packet + off, (size_t)n < size ?
			    (size_t)n : size);
		return n;
	}
	return -EAGAIN;
}
