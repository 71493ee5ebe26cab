/* SPDX-License-Identifier: ISC */
#include "live.h"

#include <err.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "state.h"

/* The duo apart from its links, which no input changes.  An end's block is a
 * private mapping of a file that has it as it was: what an input wrote is
 * dropped page by page.  Behind the block nothing is mapped. */
static struct {
	struct duo *duo;
	struct duo_end end[2];
	uint8_t *map[2];
	const uint8_t *was[2]; /* the block as it was */
	size_t bytes[2];
	struct tape tape;
	uint64_t now;
} live;

static void
live_free_packets(struct duo_packet **list)
{
	struct duo_packet *p;

	while ((p = *list) != NULL) {
		*list = p->next;
		free(p);
	}
}

static void
live_empty(struct duo_end *e)
{
	size_t i;

	live_free_packets(&e->unread);
	for (i = 0; i < e->n_got; i++)
		free(e->got[i].data);
	free(e->got);
	e->got = NULL;
	e->n_got = 0;
	free(e->round);
	e->round = NULL;
}

static void
live_map(int e)
{
	struct duo_end *end = &live.duo->end[e];
	size_t page = (size_t)sysconf(_SC_PAGESIZE), shift;
	int fd = memfd_create("block", MFD_CLOEXEC);

	live.bytes[e] = (end->size + page - 1) / page * page;
	shift = live.bytes[e] - end->size;
	FUZZ_ASSERT(shift % 64 == 0);
	FUZZ_ASSERT(pwrite(fd, end->block, end->size, (off_t)shift) ==
	    (ssize_t)end->size);
	live.map[e] = mmap(NULL, live.bytes[e] + page, PROT_NONE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	FUZZ_ASSERT(live.map[e] != MAP_FAILED);
	FUZZ_ASSERT(mmap(live.map[e], live.bytes[e], PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_FIXED, fd, 0) == live.map[e]);
	live.was[e] = mmap(NULL, live.bytes[e], PROT_READ, MAP_PRIVATE, fd,
	    0);
	FUZZ_ASSERT(live.was[e] != MAP_FAILED);
	live.was[e] += shift;
	close(fd);
	free(end->block);
	end->block = live.map[e] + shift;
	FUZZ_ASSERT(mp_attach(&end->mp, end->block, end->size) == 0);
}

/* Both ends at rest: nothing is on its way. */
static void
live_make(void)
{
	int e;

	if (sodium_init() < 0)
		errx(1, "sodium");
	live.duo = hostile_world(2, 2);
	live.duo->tap = tape_tap;
	live.duo->tap_arg = &live.tape;
	duo_up(live.duo);
	live.tape.full = true;
	duo_run(live.duo, live.duo->now + SEC);
	live_free_packets(&live.duo->air);
	for (e = 0; e < 2; e++) {
		live_empty(&live.duo->end[e]);
		live_map(e);
		live.end[e] = live.duo->end[e];
	}
	live.now = live.duo->now;
}

struct duo *
live_world(void)
{
	struct duo *d;
	int e;

	if (live.duo == NULL)
		live_make();
	d = live.duo;
	live_free_packets(&d->air);
	for (e = 0; e < 2; e++) {
		live_empty(&d->end[e]);
		if (d->end[e].restarts != live.end[e].restarts)
			errx(1, "an input restarted an end");
		d->end[e] = live.end[e];
		madvise(live.map[e], live.bytes[e], MADV_DONTNEED);
		d->sent[e] = d->sent_bytes[e] = 0;
		d->strays[e] = d->stray_bytes[e] = 0;
	}
	d->now = live.now;
	d->order = 0;
	d->tap = NULL;
	return d;
}

const struct tape *
live_tape(void)
{
	return &live.tape;
}

bool
live_same(int e)
{
	const struct mp *m = &live.duo->end[e].mp;
	const struct session *was = (const void *)(live.was[e] +
	    ((const uint8_t *)m->sessions - (const uint8_t *)m->sh));
	size_t from = (size_t)((const uint8_t *)m->annexes -
	    (const uint8_t *)m->sh);
	size_t to = (size_t)((const uint8_t *)m->handshakes -
	    (const uint8_t *)m->sh);
	uint32_t i;
	struct session s;

	for (i = 0; i < m->limits.sessions; i++) {
		s = m->sessions[i];
		s.keys[0].forged = was[i].keys[0].forged;
		s.keys[1].forged = was[i].keys[1].forged;
		if (memcmp(&s, &was[i], sizeof(s)) != 0)
			return false;
	}
	return memcmp((const uint8_t *)m->sh + from, live.was[e] + from,
	    to - from) == 0;
}
