/* SPDX-License-Identifier: ISC */
#include "kernel.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mp.h"
#include "shared/bpf.h"
#include "shared/internal.h"
#include "shared/net.h"

enum { GROUPS = 8, SOCKETS = MP_SLOTS_MAX + 1, TEXT = 65536, QUEUE = 64 };

struct member {
	uint64_t inode, drops;
	bool control;
};

/* The sockets of one port; a socket's place is its index. */
struct group {
	uint16_t port;
	int control; /* descriptor of the control socket */
	struct member member[SOCKETS];
	int n;
	struct sock_filter program[BPF_MAXINSNS];
	size_t length;
};

struct kernel_sent kernel_sent[KERNEL_SENT];
unsigned kernel_nsent;
uint64_t kernel_now;

static struct group group[GROUPS];
static int ngroups, list = -1;
static uint64_t last_inode;
static unsigned readings, failing;
static bool flooded;
/* Packets that control sockets have not received yet. */
static struct {
	uint16_t port;
	struct mp_path path;
	size_t len;
	uint8_t bytes[KERNEL_BYTES];
} queue[QUEUE];
static int nqueue;
static char text[TEXT]; /* of the list, as it was when its reading began */

void
kernel_reset(void)
{
	if (list >= 0)
		close(list);
	list = -1;
	memset(group, 0, sizeof(group));
	ngroups = 0;
	kernel_nsent = 0;
	kernel_now = 1000 * 1000 * 1000; /* no clock begins at 0 */
	nqueue = 0;
	flooded = false;
	kernel_reset_diag();
	last_inode = 100;
	kernel_fail_readings(KERNEL_NEVER);
}

/* --- Sockets -------------------------------------------------------------- */

static struct group *
group_by_port(uint16_t port)
{
	int i;

	for (i = 0; i < ngroups; i++)
		if (group[i].port == port)
			return &group[i];
	group[ngroups].port = port;
	group[ngroups].control = -1;
	return &group[ngroups++];
}

static struct group *
group_by_fd(int fd)
{
	int i;

	for (i = 0; i < ngroups; i++)
		if (fd >= 0 && group[i].control == fd)
			return &group[i];
	return NULL;
}

static struct member *
bind_member(struct group *g)
{
	struct member *m = &g->member[g->n++];

	*m = (struct member) { .inode = ++last_inode };
	return m;
}

uint64_t
kernel_bind(uint16_t port)
{
	return bind_member(group_by_port(port))->inode;
}

int
kernel_bind_control(uint16_t port)
{
	struct group *g = group_by_port(port);

	bind_member(g)->control = true;
	g->control = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return g->control;
}

static struct group *
group_by_inode(uint64_t inode, int *index)
{
	int i, k;

	for (i = 0; i < ngroups; i++)
		for (k = 0; k < group[i].n; k++)
			if (group[i].member[k].inode == inode) {
				*index = k;
				return &group[i];
			}
	*index = -1;
	return NULL;
}

/* As reuseport_detach_sock() of Linux does. */
static void
leave(struct group *g, int index)
{
	g->member[index] = g->member[--g->n];
}

void
kernel_close(uint64_t inode)
{
	int index;
	struct group *g = group_by_inode(inode, &index);

	if (g != NULL)
		leave(g, index);
}

int
kernel_keep_control(uint16_t port)
{
	struct group *g = group_by_port(port);

	return g->control = dup(g->control);
}

void
kernel_rebind_control(uint16_t port)
{
	struct group *g = group_by_port(port);

	leave(g, kernel_control_index(port));
	bind_member(g)->control = true;
}

int
kernel_index(uint64_t inode)
{
	int index;

	(void)group_by_inode(inode, &index);
	return index;
}

int
kernel_control_index(uint16_t port)
{
	const struct group *g = group_by_port(port);
	int i;

	for (i = 0; i < g->n; i++)
		if (g->member[i].control)
			return i;
	return -1;
}

/* --- The steering --------------------------------------------------------- */

/* A packet: its IP header with the ports behind it, and its UDP payload. */
struct packet {
	uint8_t ip[44];
	const uint8_t *bytes;
	size_t len;
};

static bool
get(const void *of, uint32_t off, unsigned size, uint32_t *to)
{
	const struct packet *p = of;
	const uint8_t *from = p->bytes;
	size_t len = p->len;
	unsigned i;

	if (off >= (uint32_t)SKF_NET_OFF) {
		off -= (uint32_t)SKF_NET_OFF;
		from = p->ip;
		len = sizeof(p->ip);
	}
	if (off > len || size > len - off)
		return false;
	for (*to = 0, i = 0; i < size; i++)
		*to = *to << 8 | from[off + i];
	return true;
}

static int
steer(uint16_t port, const struct packet *p)
{
	const struct group *g = group_by_port(port);
	struct bpf_data data = { .of = p, .len = (uint32_t)p->len,
		.get = get };

	return g->length == 0 ? -1 :
	    (int)bpf_run(g->program, g->length, &data);
}

int
kernel_steer(uint16_t port, const void *payload, size_t len)
{
	struct packet p = { .ip = { 0x45 }, .bytes = payload, .len = len };

	return steer(port, &p);
}

int
kernel_steer_plain(uint16_t port, const struct mp_addr *from,
    const struct mp_addr *to)
{
	struct packet p = { .bytes = (const uint8_t *)"plain", .len = 5 };
	bool v4 = net_is_v4(to);
	size_t n = v4 ? 4 : 16, at = v4 ? 12 : 8;

	p.ip[0] = v4 ? 0x45 : 0x60;
	memcpy(p.ip + at, from->ip + 16 - n, n);
	memcpy(p.ip + at + n, to->ip + 16 - n, n);
	at += 2 * n;
	p.ip[at] = (uint8_t)(from->port >> 8);
	p.ip[at + 1] = (uint8_t)from->port;
	return steer(port, &p);
}

/* --- The list ------------------------------------------------------------- */

int
kernel_list(void)
{
	if (list < 0)
		list = eventfd(0, EFD_CLOEXEC);
	return list;
}

void
kernel_fail_readings(unsigned n)
{
	readings = 0;
	failing = n;
}

static bool late;
static int held = -1; /* the member of a probe that is late */

void
kernel_late(void)
{
	late = true;
	held = -1;
}

/* Counts the drop of a probe, and of the late one before. */
static void
count_drop(struct group *g, int index)
{
	if (held >= 0 && held < g->n)
		g->member[held].drops += !g->member[held].control;
	held = late ? index : -1;
	if (!late)
		g->member[index].drops += !g->member[index].control;
	late = false;
}

void
kernel_flood(bool on)
{
	flooded = on;
}

bool
kernel_socket(unsigned n, struct kernel_socket *to)
{
	int i;

	for (i = 0; i < ngroups && n >= (unsigned)group[i].n; i++)
		n -= (unsigned)group[i].n;
	if (i == ngroups)
		return false;
	*to = (struct kernel_socket) { .port = group[i].port,
		.inode = group[i].member[n].inode,
		.drops = group[i].member[n].drops };
	return true;
}

bool
kernel_read(void)
{
	int i, k;

	if (readings++ >= failing)
		return false;
	for (i = 0; flooded && i < ngroups; i++)
		for (k = 0; k < group[i].n; k++)
			group[i].member[k].drops += 5;
	return true;
}

static void
write_list(void)
{
	struct kernel_socket s;
	size_t at = 0;
	unsigned i;

	at += (size_t)snprintf(text, TEXT, "  sl  local_address rem_address   "
	    "st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode "
	    "ref pointer drops\n");
	for (i = 0; kernel_socket(i, &s); i++)
		at += (size_t)snprintf(text + at, TEXT - at, "%5u: "
		    "00000000:%04X 00000000:0000 07 00000000:00000000 "
		    "00:00000000 00000000     0        0 %" PRIu64
		    " 2 0000000000000000 %" PRIu64 "\n", i,
		    (unsigned)s.port, s.inode, s.drops);
}

/* --- The system calls of the agent ---------------------------------------- */

uint64_t __wrap_arena_now(void);
ssize_t __wrap_pread(int, void *, size_t, off_t);
int __wrap_recvmmsg(int, struct mmsghdr *, unsigned, int, struct timespec *);
ssize_t __wrap_sendmsg(int, const struct msghdr *, int);
int __wrap_sendmmsg(int, struct mmsghdr *, unsigned, int);
int __wrap_getsockopt(int, int, int, void *, socklen_t *);
int __wrap_setsockopt(int, int, int, const void *, socklen_t);
int __wrap_getsockname(int, struct sockaddr *, socklen_t *);

uint64_t
__wrap_arena_now(void)
{
	return kernel_now;
}

ssize_t
__wrap_pread(int fd, void *buf, size_t size, off_t off)
{
	size_t len;

	if (fd != list) {
		errno = EBADF;
		return -1;
	}
	if (off == 0) {
		if (!kernel_read()) {
			errno = ENOMEM;
			return -1;
		}
		write_list();
	}
	len = strlen(text);
	if ((size_t)off >= len)
		return 0;
	len -= (size_t)off;
	len = len < size ? len : size;
	memcpy(buf, text + off, len);
	return (ssize_t)len;
}

/* An internal datagram comes back to the group.  The filter of a data socket
 * drops INTERNAL_LOCATE, and the drop is counted there. */
static void
take(struct group *g, const struct msghdr *msg)
{
	const uint8_t *packet = msg->msg_iov->iov_base;
	size_t len = msg->msg_iov->iov_len;
	struct kernel_sent *s;
	int index = -1;

	if (packet[0] == 0) {
		index = kernel_steer(g->port, packet, len);
		if (index >= g->n)
			return;
		if (packet[3] == INTERNAL_LOCATE) {
			count_drop(g, index);
			return;
		}
	}
	if (kernel_nsent == KERNEL_SENT)
		return;
	s = &kernel_sent[kernel_nsent++];
	*s = (struct kernel_sent) { .port = g->port, .index = index,
		.inode = index >= 0 ? g->member[index].inode : 0, .len = len };
	(void)net_get(&s->to, msg->msg_name, msg->msg_namelen);
	memcpy(s->bytes, packet, len < KERNEL_BYTES ? len : KERNEL_BYTES);
}

ssize_t
__wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	struct group *g = group_by_fd(fd);

	(void)flags;
	if (g == NULL) {
		errno = ENOTSOCK;
		return -1;
	}
	take(g, msg);
	return (ssize_t)msg->msg_iov->iov_len;
}

int
__wrap_sendmmsg(int fd, struct mmsghdr *msg, unsigned n, int flags)
{
	unsigned i;

	for (i = 0; i < n; i++)
		if (__wrap_sendmsg(fd, &msg[i].msg_hdr, flags) < 0)
			break;
	return i > 0 ? (int)i : -1;
}

void
kernel_deliver(uint16_t port, const struct mp_path *path, const void *packet,
    size_t len)
{
	if (nqueue == QUEUE || len > KERNEL_BYTES)
		return;
	queue[nqueue].port = port;
	queue[nqueue].path = *path;
	queue[nqueue].len = len;
	memcpy(queue[nqueue++].bytes, packet, len);
}

/* Writes one packet into a message, with the address that it was sent to. */
static void
receive(struct mmsghdr *m, int i)
{
	struct cmsghdr *c = m->msg_hdr.msg_control;
	struct in6_pktinfo info = { .ipi6_ifindex = queue[i].path.ifindex };

	memcpy(m->msg_hdr.msg_iov->iov_base, queue[i].bytes, queue[i].len);
	m->msg_len = (unsigned)queue[i].len;
	m->msg_hdr.msg_namelen = net_put(&queue[i].path.remote, AF_INET6,
	    m->msg_hdr.msg_name, m->msg_hdr.msg_namelen);
	m->msg_hdr.msg_flags = 0;
	memcpy(&info.ipi6_addr, queue[i].path.local.ip, 16);
	*c = (struct cmsghdr) { .cmsg_level = IPPROTO_IPV6,
		.cmsg_type = IPV6_PKTINFO,
		.cmsg_len = CMSG_LEN(sizeof(info)) };
	memcpy(CMSG_DATA(c), &info, sizeof(info));
	m->msg_hdr.msg_controllen = CMSG_SPACE(sizeof(info));
}

int
__wrap_recvmmsg(int fd, struct mmsghdr *msg, unsigned n, int flags,
    struct timespec *wait)
{
	const struct group *g = group_by_fd(fd);
	int i, left = 0;
	unsigned got = 0;

	(void)flags;
	(void)wait;
	for (i = 0; i < nqueue; i++) {
		if (g != NULL && queue[i].port == g->port && got < n)
			receive(&msg[got++], i);
		else
			queue[left++] = queue[i];
	}
	nqueue = left;
	if (got > 0)
		return (int)got;
	errno = EAGAIN;
	return -1;
}

int
__wrap_setsockopt(int fd, int level, int option, const void *value,
    socklen_t len)
{
	struct group *g = group_by_fd(fd);
	const struct sock_fprog *program = value;

	(void)len;
	if (g == NULL || level != SOL_SOCKET ||
	    option != SO_ATTACH_REUSEPORT_CBPF)
		return 0;
	g->length = program->len;
	memcpy(g->program, program->filter,
	    g->length * sizeof(*program->filter));
	return 0;
}

int
__wrap_getsockopt(int fd, int level, int option, void *value, socklen_t *len)
{
	uint64_t netns = KERNEL_NETNS;
	int is = 0;

	if (group_by_fd(fd) == NULL || level != SOL_SOCKET) {
		errno = ENOTSOCK;
		return -1;
	}
	if (option == SO_NETNS_COOKIE) {
		memcpy(value, &netns, sizeof(netns));
		return 0;
	}
	if (option == SO_TYPE)
		is = SOCK_DGRAM;
	else if (option == SO_PROTOCOL)
		is = IPPROTO_UDP;
	else if (option == SO_DOMAIN)
		is = AF_INET6;
	*len = sizeof(is);
	memcpy(value, &is, sizeof(is));
	return 0;
}

int
__wrap_getsockname(int fd, struct sockaddr *name, socklen_t *len)
{
	const struct group *g = group_by_fd(fd);
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

	if (g == NULL) {
		errno = ENOTSOCK;
		return -1;
	}
	in6.sin6_port = htons(g->port);
	memcpy(name, &in6, *len < sizeof(in6) ? *len : sizeof(in6));
	*len = sizeof(in6);
	return 0;
}
