/* SPDX-License-Identifier: ISC */
/*
 * The real agent of a server with many clients, which this program plays:
 *
 *	idle N		what N idle sessions cost the agent
 *	restart N	how soon N clients are back after the server's program was
 *			replaced by another process
 *
 * Each client is a session of one of many engines, with a key pair of its own
 * and an address of its own: all of 100.64.0.0/10 and the networks above it are
 * this host's (lab.c: host A), one for each uplink of the clients.  The server's
 * program is a player (player.h) on host B.  Root.
 *
 * An engine has one session with each address, so each client knows the server
 * by an address that only it has, which is changed on the way as a NAT does.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../agent/player.h"
#include "agent/keyfile.h"
#include "shared/net.h"
#include "state.h"
#include "world.h"

#define SECOND UINT64_C(1000000) /* us */

enum {
	EACH = MP_KEYS_MAX, /* clients of one engine: it has a key for each */
	UPLINKS = 4,	    /* most of a client */
	PORT = 4433,
	BATCH = 64,
	PACKET = 2048,
};

struct crowd { /* EACH clients */
	struct mp mp;
	struct mp_keyring keys;
	uint64_t ids[EACH];
	uint64_t deadline;
};

static struct crowd *crowds;
static uint32_t clients, uplinks;
static int sock;
static struct player server;
static uint8_t *heard; /* by client: the server had a datagram of it */
static uint32_t heard_n;
static uint8_t *back; /* by client: it has new keys after the restart */
static uint32_t back_n;
static uint64_t packets_in, packets_out;

/* --- Addresses ------------------------------------------------------------ */

static struct mp_addr
address(uint32_t ip, uint16_t port)
{
	struct mp_addr a = { .ip = { [10] = 0xff, [11] = 0xff,
		[12] = (uint8_t)(ip >> 24), [13] = (uint8_t)(ip >> 16),
		[14] = (uint8_t)(ip >> 8), [15] = (uint8_t)ip },
		.port = port };

	return a;
}

static uint32_t
host_of(const struct mp_addr *a)
{
	return (uint32_t)a->ip[12] << 24 | (uint32_t)a->ip[13] << 16 |
	    (uint32_t)a->ip[14] << 8 | a->ip[15];
}

/* As client i sees the server. */
static struct mp_addr
server_of(uint32_t i)
{
	return address(UINT32_C(10) << 24 | UINT32_C(99) << 16 | i % EACH,
	    PORT);
}

/* --- Clients --------------------------------------------------------------- */

static void
crowd_keys(struct crowd *c, const uint8_t server_pub[32], FILE *peers,
    uint32_t first)
{
	uint8_t secret[32], pub[32];
	char text[KEYFILE_TEXT], name[16];

	for (uint32_t i = 0; i < EACH; i++) {
		randombytes_buf(secret, sizeof(secret));
		mp_keyring_public(pub, secret);
		keyfile_public_text(text, pub);
		fprintf(peers, "c%u %s\n", first + i, text);
		snprintf(name, sizeof(name), "s%u", i);
		world_want(mp_keyring_add(&c->keys, name, secret, server_pub,
		    NULL) == 0, "a key");
		c->ids[i] = mp_keyring_at(&c->keys, i)->id;
	}
}

static void
crowd_new(struct crowd *c)
{
	struct mp_setup setup = { .limits = { .sessions = EACH,
		.flows = EACH * UPLINKS, .flows_each = uplinks,
		.pool = 1 << 20, .pool_each = 1 << 16, .staged = 1 << 20 },
		.port = PORT, .chacha_only = true };
	struct mp_local local[UPLINKS];
	size_t size = mp_size(&setup.limits);
	void *block = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	world_want(size != 0 && block != MAP_FAILED, "memory");
	randombytes_buf(setup.seed, sizeof(setup.seed));
	world_want(mp_create(&c->mp, block, size, &setup, arena_now()) == 0 &&
	    mp_slot_open(&c->mp, 0, MP_DUAL) == 0, "an engine");
	for (uint32_t k = 0; k < uplinks; k++) {
		struct mp_addr a = address(UINT32_C(192) << 24 | (k + 1), 0);

		local[k] = (struct mp_local) { .ifindex = k + 1, .mtu = 1500 };
		memcpy(local[k].ip, a.ip, 16);
	}
	mp_locals(&c->mp, arena_now(), local, uplinks);
	c->deadline = mp_deadline(&c->mp);
}

/* A packet of an engine leaves by that uplink of its client. */
static void
client_send(uint32_t i, const struct mp_path *path, const uint8_t *bytes,
    size_t len)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(struct in_pktinfo))];
	} control = { .room = { 0 } };
	uint32_t k = (host_of(&path->local) & 0xff) - 1;
	struct in_pktinfo info = { .ipi_spec_dst.s_addr =
	    htonl(((UINT32_C(100) + k) << 24 | UINT32_C(64) << 16) + i) };
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons(PORT) };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)bytes,
		.iov_len = len };
	struct msghdr msg = { .msg_name = &to, .msg_namelen = sizeof(to),
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
		.msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	struct mp_addr real = lab_addr(LAB_B, 1, PORT);

	to.sin_addr.s_addr = htonl(host_of(&real));
	c->cmsg_level = IPPROTO_IP;
	c->cmsg_type = IP_PKTINFO;
	c->cmsg_len = CMSG_LEN(sizeof(info));
	memcpy(CMSG_DATA(c), &info, sizeof(info));
	if (k < uplinks)
		packets_out += sendmsg(sock, &msg, MSG_DONTWAIT) >= 0;
}

/* Which client of its crowd a packet to that address is of. */
static uint32_t
client_of(const struct crowd *c, const struct mp_addr *to)
{
	return (uint32_t)(c - crowds) * EACH + (host_of(to) & 0xffff) % EACH;
}

static void
crowd_poll(struct crowd *c)
{
	static uint8_t buf[65536];
	struct mp_out out;

	while (mp_poll(&c->mp, &c->keys, arena_now(), &out, buf,
	    sizeof(buf)) == 1) {
		if ((host_of(&out.path.remote) >> 16 & 0xff) == 99)
			client_send(client_of(c, &out.path.remote), &out.path,
			    buf, out.len);
		mp_poll_sent(&c->mp, arena_now(), &out);
	}
	c->deadline = mp_deadline(&c->mp);
}

/* A packet came to an address of a client. */
static void
client_take(uint32_t to, uint8_t *bytes, size_t len)
{
	uint32_t k = (to >> 24) - 100, i = to & 0x3fffff;
	struct mp_rx rx = { .arrival = arena_now(), .later = true };
	uint8_t opened[PACKET], answer[MP_CONTROL_MAX];
	struct crowd *c = &crowds[i / EACH];
	struct mp_out out;
	enum mp_verdict v;

	if (i >= clients || k >= uplinks)
		return;
	rx.path = (struct mp_path) { .local = address(UINT32_C(192) << 24 |
	    (k + 1), 0), .remote = server_of(i), .ifindex = k + 1 };
	v = mp_recv_begin(&c->mp, arena_now(), &rx, bytes, len);
	if (v == MP_SEALED) {
		v = mp_recv_commit(&c->mp, arena_now(), &rx, opened,
		    mp_open(&rx, bytes, len, opened));
		bytes = opened + rx.off;
		len = rx.len;
	}
	if (v == MP_HANDSHAKE && mp_handshake(&c->mp, &c->keys, arena_now(),
	    &rx, bytes, len, &out, answer) == 1)
		client_send(i, &out.path, answer, out.len);
	crowd_poll(c);
}

static void
client_say(uint32_t i)
{
	struct crowd *c = &crowds[i / EACH];
	struct mp_addr to = server_of(i);
	struct mp_tx tx[MP_TX_MAX];
	uint8_t packet[PACKET];
	int n = mp_send_begin(&c->mp, arena_now(), 0, &to, c->ids[i % EACH],
	    sizeof(i), 0, tx);

	if (n == MP_EAGAIN)
		world_want(mp_stage(&c->mp, arena_now(), 0, &to, NULL, &i,
		    sizeof(i)) >= 0, "a client can say something");
	for (int t = 0; t < n; t++) {
		client_send(i, &tx[t].path, packet, mp_seal(&tx[t], &i,
		    sizeof(i), packet));
		tx[t].error = 0;
	}
	if (n > 0)
		world_want(mp_send_commit(&c->mp, arena_now(), tx, n, &i,
		    sizeof(i)) >= 0, "a client has sent");
	crowd_poll(c);
}

/* As if its program had said nothing for so many us: one that did a moment ago
 * probes twice a second. */
static void
client_quiet(uint32_t i, uint64_t us)
{
	struct crowd *c = &crowds[i / EACH];
	struct mp_addr to = server_of(i);
	uint32_t s = mp_session_find(&c->mp, 0, &to);

	if (s != MP_NONE)
		c->mp.sessions[s].last_data = arena_now() - us;
}

/* --- The world ------------------------------------------------------------- */

static int
take_some(void)
{
	static struct mmsghdr msg[BATCH];
	static uint8_t bytes[BATCH][PACKET];
	static char control[BATCH][64];
	struct iovec iov[BATCH];
	struct net_info info;
	int n;

	for (int i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec) { bytes[i], PACKET };
		msg[i].msg_hdr = (struct msghdr) { .msg_iov = &iov[i],
			.msg_iovlen = 1, .msg_control = control[i],
			.msg_controllen = sizeof(control[i]) };
	}
	n = recvmmsg(sock, msg, BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++) {
		net_info_read(&msg[i].msg_hdr, &info);
		packets_in++;
		client_take(host_of(&info.local), bytes[i], msg[i].msg_len);
	}
	return n;
}

/* What has come is taken first, as by clients with a processor each: a queue of
 * seconds would be this program's, not the server's. */
static void
take_all(uint64_t end)
{
	while (take_some() == BATCH && arena_now() < end)
		;
}

static void
serve(void)
{
	struct mp_addr from;
	uint32_t i;

	for (int n = 0; n < BATCH && player_recv(&server, &from, &i, sizeof(i),
	    0) == sizeof(i); n++)
		if (i < clients && !heard[i]) {
			heard[i] = 1;
			heard_n++;
			client_quiet(i, 20 * SECOND);
		}
}

/* Everything goes on for so many us, or until `until' clients were heard. */
static void
run(uint64_t us, uint32_t until)
{
	struct pollfd fds[2] = { { .fd = sock, .events = POLLIN },
		{ .fd = server.fd, .events = POLLIN } };
	uint64_t end = arena_now() + us, now;
	uint32_t n = (clients + EACH - 1) / EACH;
	static uint32_t next;

	while ((now = arena_now()) < end && heard_n < until) {
		for (uint32_t k = 0; k < n && now < end; k++) {
			struct crowd *c = &crowds[next++ % n];

			now = arena_now();
			if (c->deadline <= now) {
				crowd_poll(c);
				take_all(end);
			}
		}
		(void)poll(fds, 2, 1);
		if (fds[0].revents != 0)
			take_all(end);
		if (fds[1].revents != 0)
			serve();
	}
}

/* What a command says of each process $p of the agent. */
static FILE *
agent_ask(const char *command)
{
	char line[512];

	snprintf(line, sizeof(line), "for p in $(ip netns pids $(ip netns list "
	    "| sed -n 's/^\\(mpt[0-9]*b\\).*/\\1/p' | grep $MPT)); do case "
	    "$(cat /proc/$p/comm 2>/dev/null) in mpshim-*) %s; esac; done",
	    command);
	return popen(line, "r");
}

/* The machine may be busy with other things: these are the only ones.  A session
 * of processes counts as one (sched(7), autogroup); the agent has its own. */
static void
come_first(void)
{
	FILE *f = fopen("/proc/self/autogroup", "w");

	if (setpriority(PRIO_PROCESS, 0, -20) != 0)
		fputs("bench: no higher priority\n", stderr);
	if (f != NULL) {
		fputs("-20", f);
		fclose(f);
	}
	f = agent_ask("echo -20 >/proc/$p/autogroup; renice -n -20 -p $p >/dev/null");
	if (f != NULL)
		pclose(f);
}

/* us of processor time and KiB of memory of both agent processes. */
static void
agent_usage(uint64_t *us, uint64_t *kib)
{
	char line[512];
	FILE *f = agent_ask("cat /proc/$p/stat");
	unsigned long long user, system, rss;

	*us = *kib = 0;
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(strrchr(line, ')') + 1, " %*c %*s %*s %*s %*s %*s "
		    "%*s %*s %*s %*s %*s %llu %llu %*s %*s %*s %*s %*s %*s %*s "
		    "%*s %llu", &user, &system, &rss) == 3) {
			*us += (user + system) * 1000000 /
			    (uint64_t)sysconf(_SC_CLK_TCK);
			*kib += rss * 4;
		}
	if (f != NULL)
		pclose(f);
}

/* The namespaces go, too, when it is stopped. */
static void
on_signal(int signal)
{
	(void)signal;
	exit(1);
}

static void
world_begin(void)
{
	char path[128], text[KEYFILE_TEXT];
	uint8_t secret[32], pub[32];
	struct sockaddr_in name = { .sin_family = AF_INET,
		.sin_port = htons(PORT) };
	int on = 1, room = 64 << 20;
	FILE *peers;

	snprintf(text, sizeof(text), "%d", (int)getpid());
	setenv("MPT", text, 1);
	world_want(lab_begin(), "two network namespaces");
	atexit(lab_end);
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	lab_fresh();
	for (uint32_t k = 0; k < uplinks; k++) {
		lab_ip(LAB_A, "route add local %u.0.0.0/8 dev lo", 100 + k);
		lab_ip(LAB_B, "route add %u.0.0.0/8 via 10.77.1.1", 100 + k);
	}
	randombytes_buf(secret, sizeof(secret));
	mp_keyring_public(pub, secret);
	keyfile_secret_text(text, secret);
	snprintf(path, sizeof(path), "%s/b/identity", lab_directory());
	lab_write(path, 0600, "%s\n", text);
	snprintf(path, sizeof(path), "%s/b/peers", lab_directory());
	peers = fopen(path, "w");
	world_want(peers != NULL, "a file of peers");
	crowds = calloc((clients + EACH - 1) / EACH, sizeof(*crowds));
	heard = calloc(clients, 1);
	back = calloc(clients, 1);
	for (uint32_t i = 0; i < clients; i += EACH) {
		crowd_keys(&crowds[i / EACH], pub, peers, i);
		crowd_new(&crowds[i / EACH]);
	}
	fclose(peers);
	lab_enter(LAB_B);
	world_want(lab_agent() == 0, "an agent");
	lab_enter(LAB_A);
	sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	world_want(bind(sock, (struct sockaddr *)&name, sizeof(name)) == 0,
	    "a socket");
	setsockopt(sock, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
	setsockopt(sock, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	setsockopt(sock, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
}

static void
server_begin(void)
{
	uint64_t until = arena_now() + 5 * SECOND;
	char keys[128];
	int room = 64 << 20, error;

	snprintf(keys, sizeof(keys), "%s/b/*", lab_directory());
	/* The agent lets go of the former socket's port. */
	while ((error = player_open(&server, LAB_B, PORT, keys)) ==
	    -EADDRINUSE && arena_now() < until)
		run(1000, UINT32_MAX);
	world_want(error == 0, "a server with a protected port");
	setsockopt(server.fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
}

/* BENCH_COUNTERS: what the engines of both ends counted. */
static void
tell_counters(void)
{
	uint64_t here, there;

	for (int i = 0; getenv("BENCH_COUNTERS") != NULL && i < MP_C_MAX; i++) {
		here = 0;
		there = mp_counter_get(&server.map.mp, (enum mp_counter)i);
		for (uint32_t c = 0; c < clients; c += EACH)
			here += mp_counter_get(&crowds[c / EACH].mp,
			    (enum mp_counter)i);
		if (here + there > 0)
			printf("  %-22s server %9llu clients %9llu\n",
			    mp_counter_name((enum mp_counter)i),
			    (unsigned long long)there,
			    (unsigned long long)here);
	}
}

static void
meet(void)
{
	uint64_t began = arena_now(), us, kib;
	uint32_t was;

	for (uint32_t i = 0; i < clients; i++) {
		client_say(i);
		while (i > heard_n + 200 && arena_now() < began + 600 * SECOND)
			run(1000, clients + 1);
	}
	do {
		was = heard_n;
		run(3 * SECOND, clients);
	} while (heard_n < clients && heard_n > was);
	if (heard_n < clients)
		tell_counters();
	agent_usage(&us, &kib);
	printf("%u sessions in %.1f s, %.1f s of the agent's processor, %llu "
	    "MiB: %.0f bytes a session\n", heard_n,
	    (double)(arena_now() - began) / 1e6, (double)us / 1e6,
	    (unsigned long long)kib / 1024, (double)kib * 1024 / clients);
}

static void
idle(uint64_t quiet_us, uint64_t settle, uint64_t us)
{
	uint64_t before, after, kib, in, out;

	for (uint32_t i = 0; i < clients; i++)
		client_quiet(i, quiet_us);
	run(settle, clients + 1);
	in = packets_in;
	out = packets_out;
	agent_usage(&before, &kib);
	run(us, clients + 1);
	agent_usage(&after, &kib);
	printf("%u idle sessions of %u flows: %.2f %% of a core, %.0f packets a "
	    "second in, %.0f out, %llu MiB\n", clients, uplinks,
	    (double)(after - before) * 100 / (double)us,
	    (double)(packets_out - out) * 1e6 / (double)us,
	    (double)(packets_in - in) * 1e6 / (double)us,
	    (unsigned long long)kib / 1024);
}

static const struct keys *
key_of(const struct crowd *c, uint32_t session)
{
	const struct session *s = &c->mp.sessions[session];

	return &s->keys[s->cur & 1];
}

/* How many clients have keys that were made since then.  Their programs say no
 * more: this one process could not probe for them all. */
static uint32_t
back_since(uint64_t began)
{
	struct mp_session_info info;

	for (uint32_t i = 0; i < clients; i++) {
		struct crowd *c = &crowds[i / EACH];
		struct mp_addr to = server_of(i);
		uint32_t s = back[i] ? MP_NONE : mp_session_find(&c->mp, 0,
		    &to);

		if (s != MP_NONE && mp_session_get(&c->mp, s, &info) == 0 &&
		    info.state == MP_S_UP && key_of(c, s)->born_at > began) {
			back[i] = 1;
			back_n++;
			client_quiet(i, 20 * SECOND);
		}
	}
	return back_n;
}

static void
restart(void)
{
	static const unsigned percent[4] = { 50, 90, 99, 100 };
	uint64_t before, after, kib, began, at[4] = { 0 };
	unsigned k = 0;

	run(3 * SECOND, clients + 1);
	agent_usage(&before, &kib);
	for (uint32_t i = 0; i < clients; i++)
		client_quiet(i, 0); /* all are active */
	memset(heard, 0, clients);
	heard_n = 0;
	began = arena_now();
	player_close(&server);
	server_begin();
	printf("  its port is there after %.2f s\n",
	    (double)(arena_now() - began) / 1e6);
	for (uint32_t turn = 0; k < 4 && arena_now() < began + 60 * SECOND;
	     turn++) {
		/* Each program that waits says something every 5 seconds. */
		for (uint32_t i = turn % 100; i < clients; i += 100)
			if (!back[i])
				client_say(i);
		run(SECOND / 20, UINT32_MAX);
		back_since(began);
		while (k < 4 && back_n >= (uint64_t)clients * percent[k] / 100)
			at[k++] = arena_now() - began;
		if (turn % 20 == 19 && getenv("BENCH_COUNTERS") != NULL)
			printf("  %.1f s: %u\n", (double)(arena_now() - began) /
			    1e6, back_n);
	}
	agent_usage(&after, &kib);
	printf("%u clients of a restarted server: back", clients);
	for (k = 0; k < 4; k++)
		printf(" %u %% %.2f s%s", percent[k], (double)at[k] / 1e6,
		    k < 3 ? "," : ";");
	printf(" the agent's processor %.2f s; the program heard %u\n",
	    (double)(after - before) / 1e6, heard_n);
	tell_counters();
}

int
main(int argc, char *argv[])
{
	world_want(sodium_init() >= 0, "libsodium starts");
	world_want(argc >= 3, "arguments: idle|restart CLIENTS [UPLINKS]");
	clients = (uint32_t)strtoul(argv[2], NULL, 10);
	uplinks = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 1;
	world_want(clients > 0 && clients <= MP_SESSIONS_MAX && uplinks > 0 &&
	    uplinks <= UPLINKS, "as many clients");
	setvbuf(stdout, NULL, _IOLBF, 0);
	(void)setsid();
	world_begin();
	server_begin();
	come_first();
	meet();
	if (strcmp(argv[1], "idle") == 0)
		for (int k = 0; k < 2; k++) {
			printf("idle for %s: ", k == 0 ? "15 s to 2 minutes" :
			    "longer");
			idle((k == 0 ? 20 : 130) * SECOND, 25 * SECOND,
			    30 * SECOND);
		}
	else
		restart();
	player_close(&server);
	return 0;
}
