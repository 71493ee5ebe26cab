/* SPDX-License-Identifier: ISC */
#include "fdtab.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "allowed.h"
#include "bpf.h"
#include "forked.h"

enum {
	CHUNK = 1024,	/* descriptors of one chunk */
	CHUNKS = 1024,	/* so fds up to a million; higher ones stay unknown */
	SOCKS = 256,	/* sockets of one chunk */
	SOCK_CHUNKS = 4096,
};

typedef _Atomic(struct sock *) entry;

static struct sock nobody; /* a descriptor that is none of ours */
static _Atomic(entry *) chunks[CHUNKS];

static _Atomic(struct sock *) socks[SOCK_CHUNKS];
static _Atomic uint32_t used;	  /* sockets ever made */
static _Atomic uint64_t free_list; /* turn << 32 | number + 1 */

static void *
fresh(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static entry *
entry_of(int fd, bool make)
{
	_Atomic(entry *) *at;
	entry *chunk, *none = NULL;

	if (fd < 0 || fd >= CHUNK * CHUNKS)
		return NULL;
	at = &chunks[fd / CHUNK];
	chunk = atomic_load_explicit(at, memory_order_acquire);
	if (chunk == NULL && make) {
		chunk = fresh(CHUNK * sizeof(*chunk));
		if (chunk != NULL &&
		    !atomic_compare_exchange_strong(at, &none, chunk)) {
			munmap(chunk, CHUNK * sizeof(*chunk));
			chunk = none;
		}
	}
	return chunk == NULL ? NULL : &chunk[fd % CHUNK];
}

/* One more holder, unless the last is gone. */
static bool
take(struct sock *s)
{
	uint32_t refs = atomic_load(&s->refs);

	while (refs > 0)
		if (atomic_compare_exchange_weak(&s->refs, &refs, refs + 1))
			return true;
	return false;
}

struct sock *
fdtab_hold(int fd, bool *known)
{
	entry *e = entry_of(fd, false);
	struct sock *s;

	forked_check();
	*known = false;
	while (e != NULL) {
		s = atomic_load_explicit(e, memory_order_acquire);
		*known = s != NULL;
		if (s == NULL || s == &nobody)
			return NULL;
		if (take(s)) {
			if (atomic_load(e) == s)
				return s;
			fdtab_release(s);
		}
	}
	return NULL;
}

static struct sock *
sock_at(uint32_t number)
{
	_Atomic(struct sock *) *at = &socks[number / SOCKS % SOCK_CHUNKS];
	struct sock *chunk = atomic_load(at), *none = NULL;

	if (chunk == NULL) {
		chunk = fresh(SOCKS * sizeof(*chunk));
		if (chunk == NULL)
			return NULL;
		if (!atomic_compare_exchange_strong(at, &none, chunk)) {
			munmap(chunk, SOCKS * sizeof(*chunk));
			chunk = none;
		}
	}
	return &chunk[number % SOCKS];
}

void
fdtab_release(struct sock *s)
{
	uint64_t head;

	if (atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	arena_unmap(&s->map);
	head = atomic_load(&free_list);
	do
		s->next = (uint32_t)head;
	while (!atomic_compare_exchange_weak(&free_list, &head,
	    ((head >> 32) + 1) << 32 | (s->number + 1)));
}

static struct sock *
reuse(void)
{
	uint64_t head = atomic_load(&free_list);
	struct sock *s;

	while ((uint32_t)head != 0) {
		s = sock_at((uint32_t)head - 1);
		if (s == NULL)
			return NULL;
		if (atomic_compare_exchange_weak(&free_list, &head,
			((head >> 32) + 1) << 32 | s->next))
			return s;
	}
	return NULL;
}

struct sock *
fdtab_new(void)
{
	struct sock *s = reuse();
	uint32_t number;

	if (s == NULL) {
		number = atomic_fetch_add(&used, 1);
		s = number < SOCKS * SOCK_CHUNKS ? sock_at(number) : NULL;
		if (s == NULL)
			return NULL;
		s->number = number;
	}
	/* Not `next', which a thread that comes too late may still look at. */
	memset((char *)s + offsetof(struct sock, state), 0,
	    sizeof(*s) - offsetof(struct sock, state));
	if (s->filter != NULL)
		atomic_store(&s->filter->len, 0);
	atomic_store(&s->refs, 1);
	return s;
}

void
fdtab_set(int fd, struct sock *s)
{
	entry *e = entry_of(fd, true);
	struct sock *was;

	if (e == NULL)
		return;
	if (s != NULL)
		atomic_fetch_add(&s->refs, 1);
	was = atomic_exchange(e, s != NULL ? s : &nobody);
	if (was != NULL && was != &nobody)
		fdtab_release(was);
}

struct sock *
fdtab_drop(int fd)
{
	entry *e = entry_of(fd, false);
	struct sock *was;

	if (e == NULL || atomic_load(e) == NULL)
		return NULL;
	was = atomic_exchange(e, NULL);
	return was == &nobody ? NULL : was;
}

void
fdtab_each(unsigned from, unsigned to, void (*run)(int fd))
{
	unsigned fd, end = to < CHUNK * CHUNKS - 1 ? to : CHUNK * CHUNKS - 1;
	entry *chunk;

	for (fd = from; fd <= end; fd++) {
		chunk = atomic_load(&chunks[fd / CHUNK]);
		if (chunk == NULL)
			fd |= CHUNK - 1; /* on to the next one */
		else if (atomic_load(&chunk[fd % CHUNK]) != NULL)
			run((int)fd);
	}
}

static pid_t owner;
static bool forked; /* this process was, or has */

void
fdtab_setup(void)
{
	forked |= owner != 0;
	owner = getpid();
}

bool
fdtab_first(void)
{
	return !forked;
}

bool
fdtab_ours(void)
{
	forked_check();
	/* Who may not ask forks no more, we hope. */
	return !ALLOWED(SYS_getpid) || owner == getpid();
}
