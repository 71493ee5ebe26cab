/* SPDX-License-Identifier: ISC */
#define _GNU_SOURCE
#include "emu.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

struct link *
link_find(const struct emu *e, const char *name)
{
	size_t i;

	for (i = 0; i < e->n_links; i++)
		if (strcmp(e->links[i]->name, name) == 0)
			return e->links[i];
	return NULL;
}

/* --- Devices ------------------------------------------------------------- */

static int
end_ioctl(struct end *end, unsigned long request, struct ifreq *r)
{
	memcpy(r->ifr_name, end->dev, DEV_LEN);
	return ioctl(end->sock, request, r) != 0 ? -errno : 0;
}

int
end_set_mtu(struct end *end, int mtu)
{
	struct ifreq r = { .ifr_mtu = mtu };

	return end_ioctl(end, SIOCSIFMTU, &r);
}

int
end_set_carrier(struct end *end, bool on)
{
	int value = on;

	if (ioctl(end->tun, TUNSETCARRIER, &value) != 0)
		return -errno;
	end->carrier = on;
	return 0;
}

int
end_set_offload(struct end *end, unsigned long features)
{
	return ioctl(end->tun, TUNSETOFFLOAD, features) != 0 ? -errno : 0;
}

/* Creates the device in the current network namespace and sets it up. */
static int
end_make(struct end *end)
{
	struct ifreq r = { .ifr_flags = IFF_TUN | IFF_NO_PI |
	    IFF_VNET_HDR };
	int error;

	end->tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	end->sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (end->tun == -1 || end->sock == -1)
		return -errno;
	memcpy(r.ifr_name, end->dev, DEV_LEN);
	if (ioctl(end->tun, TUNSETIFF, &r) != 0)
		return -errno;
	end->carrier = true;
	memset(&r, 0, sizeof(r));
	error = end_ioctl(end, SIOCGIFFLAGS, &r);
	r.ifr_flags |= IFF_UP;
	return error != 0 ? error : end_ioctl(end, SIOCSIFFLAGS, &r);
}

/*
 * Enters the host's namespace, creates the device there and returns.  `ns' is a
 * name in /run/netns or a path.  Without a way back emu would serve the wrong
 * host, so it aborts.
 */
static int
end_open(struct emu *e, struct end *end, const char *ns, const char **what)
{
	const char *slash = strrchr(ns, '/');
	char path[128];
	int fd, error;

	snprintf(path, sizeof(path), "%s%s", slash ? "" : "/run/netns/", ns);
	snprintf(end->host, sizeof(end->host), "%s", slash ? slash + 1 : ns);
	*what = ns;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return -errno;
	error = setns(fd, CLONE_NEWNET) != 0 ? -errno : 0;
	close(fd);
	if (error != 0)
		return error;
	*what = end->dev;
	error = end_make(end);
	if (setns(e->home, CLONE_NEWNET) != 0)
		abort();
	return error;
}

static void
link_free(struct link *l)
{
	int i;

	for (i = 0; l != NULL && i < 2; i++) {
		if (l->end[i].tun != -1)
			close(l->end[i].tun);
		if (l->end[i].sock != -1)
			close(l->end[i].sock);
	}
	free(l);
}

int
link_new(struct emu *e, char *const word[5], const char **what)
{
	struct link *l = calloc(1, sizeof(*l));
	uint32_t index = (uint32_t)(2 * e->n_links), i;
	int error = -ENOMEM;

	*what = word[0];
	if (l == NULL || e->n_links == LINKS_MAX)
		goto out;
	snprintf(l->name, sizeof(l->name), "%s", word[0]);
	for (i = 0; i < 2; i++) {
		l->end[i] = (struct end){ .tun = -1, .sock = -1,
			.out = &l->direction[i] };
		snprintf(l->end[i].dev, DEV_LEN, "%s", word[2 + 2 * i]);
		l->direction[i].link = l;
		l->direction[i].to = &l->end[!i];
		direction_init(&l->direction[i], e->seed);
	}
	for (i = 0, error = 0; i < 2 && error == 0; i++)
		error = end_open(e, &l->end[i], word[1 + 2 * i], what);
	for (i = 0; i < 2 && error == 0; i++)
		error = emu_watch(e, l->end[i].tun, S_END, index + i);
	if (error == 0)
		e->links[e->n_links++] = l;
out:
	if (error != 0)
		link_free(l);
	return error;
}

/* --- Packets ------------------------------------------------------------- */

/* Gives a packet to the host. */
static bool
end_write(struct end *end, const uint8_t *packet, size_t len)
{
	struct virtio_net_hdr none = { .flags = 0 };
	struct iovec iov[2] = { { &none, sizeof(none) },
		{ (void *)(uintptr_t)packet, len } };

	return writev(end->tun, iov, 2) == (ssize_t)(sizeof(none) + len);
}

static void
direction_arrive(struct direction *d, const uint8_t *packet, size_t len)
{
	enum cause why = ARRIVES;

	if (!d->to->carrier)
		why = C_CARRIER;
	else if (d->impair.black)
		why = C_BLACKHOLE;
	else if (!end_write(d->to, packet, len))
		why = C_DOWN;
	if (why != ARRIVES) {
		d->n.dropped[why]++;
		return;
	}
	d->n.out++;
	d->n.out_bytes += len;
}

/* Delivers a packet at a time; at once if that is not after now. */
static void
direction_send(struct emu *e, struct direction *d, const uint8_t *packet,
    size_t len, uint64_t now, uint64_t at)
{
	struct flight *f;

	if (at <= now) {
		direction_arrive(d, packet, len);
		return;
	}
	f = malloc(sizeof(*f) + len);
	if (f == NULL || heap_add(&e->heap, at, f) != 0) {
		free(f);
		d->n.dropped[C_FULL]++;
		return;
	}
	f->direction = d;
	f->len = len;
	memcpy(f->data, packet, len);
	d->in_flight++;
	d->in_flight_bytes += len;
}

void
direction_take(struct emu *e, struct direction *d, uint8_t *packet, size_t len)
{
	uint64_t now = emu_now(), at = now;
	enum cause why;

	d->n.in++;
	d->n.in_bytes += len;
	if (d->link->pcap != NULL)
		pcap_add(d->link->pcap, packet, len);
	why = direction_admit(d, now, len, &at);
	if (why != ARRIVES) {
		d->n.dropped[why]++;
		return;
	}
	if (direction_chance(d, d->impair.corrupt_ppm))
		direction_corrupt(d, packet, len);
	direction_send(e, d, packet, len, now, at);
	if (direction_chance(d, d->impair.dup_ppm)) {
		d->n.dup++;
		direction_send(e, d, packet, len, now,
		    at + d->impair.dup_by_ns);
	}
}

void
end_read(struct emu *e, struct end *end)
{
	static uint8_t packet[PACKET_MAX];
	struct virtio_net_hdr h;
	struct iovec iov[2] = { { &h, sizeof(h) }, { packet, sizeof(packet) } };
	struct segment_head bundle;
	ssize_t n;
	size_t len;
	int i;

	for (i = 0; i < BATCH; i++) {
		n = readv(end->tun, iov, 2);
		if (n <= (ssize_t)sizeof(h))
			return;
		len = (size_t)n - sizeof(h);
		bundle = (struct segment_head){ h.csum_start, h.gso_size };
		if (h.gso_type != VIRTIO_NET_HDR_GSO_NONE &&
		    end->out->impair.segment != SEGMENT_MERGE) {
			segment_cut(e, end->out, &bundle, packet, len);
			continue;
		}
		end->out->n.bundles += h.gso_type != VIRTIO_NET_HDR_GSO_NONE;
		if (h.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
			segment_sum(packet, len, h.csum_start, h.csum_offset);
		direction_take(e, end->out, packet, len);
	}
}

void
emu_deliver(struct emu *e, uint64_t now)
{
	struct flight *f;

	while (heap_next(&e->heap) <= now) {
		f = heap_take(&e->heap);
		f->direction->in_flight--;
		f->direction->in_flight_bytes -= f->len;
		direction_arrive(f->direction, f->data, f->len);
		free(f);
	}
}
