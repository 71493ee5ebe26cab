/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * The table remembers which descriptor of this process is which socket.  The
 * kernel knows better: a descriptor may be closed, or be made, where no hook
 * sees it.  So an entry is a cache.  It can be missing (the socket is then
 * looked at, sock.c) or out of date (found by ENOTSOCK or another SO_COOKIE,
 * and dropped, stale_fd.c), never trusted for what would be unsafe.
 *
 * An entry of a descriptor: NULL, nothing is known; &not_ours, it is no socket
 * of ours; else a socket.  Descriptors from 2^20 on stay unknown.
 *
 * A socket (struct sock) lives while an entry or a caller has a reference.
 * fdtab_hold() takes one by compare-and-swap unless the count is 0 already,
 * then looks whether the entry still names the socket.  With the last reference
 * its arena is unmapped and it goes to the free list.  Its memory is used again
 * and never freed, so a thread that reads the count of one that is gone reads
 * valid memory.  The list's head counts its changes in its upper half, so that
 * a compare-and-swap notices a socket that was taken and put back meanwhile.
 *
 * The chunks of tables and sockets are mapped when first needed, and never
 * unmapped.  Two threads may map the same one; the loser unmaps its own.
 *
 * Tables.  All threads share one, until a thread calls unshare(2) with
 * CLONE_FILES (fdtab_part()).  It gets a table of its own, a copy, and so do
 * the threads that it starts: a thread that has not looked yet asks kcmp(2)
 * with KCMP_FILES whose descriptors it shares.  The last thread's end releases
 * what the table still holds.  Such a table is used again, never freed.
 *
 * Processes.  A child of fork(2) has its parent's table, and its references are
 * its own.  A child of vfork(2) runs in its parent's memory and must not change
 * the table: fdtab_ours().
 *
 * No lock and no heap: signal handlers use all of this, also those that
 * interrupt it.  Never: a pointer to a socket without a reference kept beyond a
 * call.
 *
 * Sources: kcmp(2), unshare(2); K29 (SO_COOKIE) of doc/design.md.
 */
#include "fdtab.h"

#include <errno.h>
#include <linux/kcmp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "process/forked.h"
#include "shared/bpf.h"
#include "shared/old_glibc.h"
#include "shared/raw.h"
#include "shared/seccomp.h"

enum {
	CHUNK = 1024,	/* descriptors of one chunk */
	CHUNKS = 1024,	/* so descriptors below 2^20 */
	SOCKS = 256,	/* sockets of one chunk */
	SOCK_CHUNKS = 4096,
};

typedef _Atomic(struct sock *) fdtab_entry;

static struct sock not_ours; /* entry of any other descriptor */

/* The descriptors of the threads that share them. */
struct table {
	_Atomic(fdtab_entry *) chunk[CHUNKS];
	struct table *next;	/* in the list of `apart' */
	_Atomic uint32_t users; /* threads; 0: it is free */
	_Atomic pid_t tid;	/* one of them */
};

static struct table common; /* of the threads that share the process's own */
static _Atomic(struct table *) apart; /* the others */
/* This thread's; NULL: it has not looked yet. */
static __thread struct table *mine __attribute__((tls_model("initial-exec")));

static _Atomic(struct sock *) socks[SOCK_CHUNKS];
static _Atomic uint32_t used;	  /* sockets ever made */
static _Atomic uint64_t free_list; /* turn << 32 | number + 1 */

/* Zeroed memory that is never freed, or NULL. */
static void *
fdtab_map(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* --- Whose table ---------------------------------------------------------- */

/*
 * Finds the table of a thread that was started after others went apart: it
 * shares the descriptors of the thread that started it.  kcmp(2) tells whether
 * a table's thread does, but not if that thread has ended by now.
 */
static struct table *
fdtab_find_mine(void)
{
	pid_t self = (pid_t)RAW(SYS_gettid);
	struct table *t;
	uint32_t users;

	mine = &common;
	if (!SECCOMP_ALLOWS(SYS_kcmp, self, self, KCMP_FILES))
		return mine;
	for (t = atomic_load(&apart); t != NULL; t = t->next) {
		users = atomic_load(&t->users);
		if (users == 0 || RAW(SYS_kcmp, self, t->tid, KCMP_FILES) != 0)
			continue;
		while (users > 0 && !atomic_compare_exchange_weak(&t->users,
		    &users, users + 1))
			continue;
		if (users > 0)
			mine = t;
		break;
	}
	return mine;
}

static struct table *
fdtab_table(void)
{
	int saved;

	if (mine != NULL)
		return mine;
	if (atomic_load_explicit(&apart, memory_order_relaxed) == NULL)
		return &common;
	saved = errno;
	(void)fdtab_find_mine();
	errno = saved;
	return mine;
}

/* The entry of a descriptor in a table; `make': make it.  NULL: there is
 * none. */
static fdtab_entry *
fdtab_entry_in(struct table *t, int fd, bool make)
{
	_Atomic(fdtab_entry *) *at;
	fdtab_entry *chunk, *none = NULL;

	if (fd < 0 || fd >= CHUNK * CHUNKS)
		return NULL;
	at = &t->chunk[fd / CHUNK];
	chunk = atomic_load_explicit(at, memory_order_acquire);
	if (chunk == NULL && make) {
		chunk = fdtab_map(CHUNK * sizeof(*chunk));
		if (chunk != NULL &&
		    !atomic_compare_exchange_strong(at, &none, chunk)) {
			munmap(chunk, CHUNK * sizeof(*chunk));
			chunk = none;
		}
	}
	return chunk == NULL ? NULL : &chunk[fd % CHUNK];
}

/* The same in this thread's table. */
static fdtab_entry *
fdtab_entry_of(int fd, bool make)
{
	return fdtab_entry_in(fdtab_table(), fd, make);
}

/* --- Entries -------------------------------------------------------------- */

/* One more reference, unless there is none left. */
static bool
fdtab_take(struct sock *s)
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
	fdtab_entry *e = fdtab_entry_of(fd, false);
	struct sock *s;

	forked_check();
	*known = false;
	while (e != NULL) {
		s = atomic_load_explicit(e, memory_order_acquire);
		*known = s != NULL;
		if (s == NULL || s == &not_ours)
			return NULL;
		if (fdtab_take(s)) {
			if (atomic_load(e) == s)
				return s;
			fdtab_release(s);
		}
	}
	return NULL;
}

/* The memory of a socket by its number; NULL: no memory. */
static struct sock *
fdtab_sock_at(uint32_t number)
{
	_Atomic(struct sock *) *at = &socks[number / SOCKS % SOCK_CHUNKS];
	struct sock *chunk = atomic_load(at), *none = NULL;

	if (chunk == NULL) {
		chunk = fdtab_map(SOCKS * sizeof(*chunk));
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

/* Takes a socket off the free list; NULL: it is empty. */
static struct sock *
fdtab_reuse(void)
{
	uint64_t head = atomic_load(&free_list);
	struct sock *s;

	while ((uint32_t)head != 0) {
		s = fdtab_sock_at((uint32_t)head - 1);
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
	struct sock *s = fdtab_reuse();
	uint32_t number;

	if (s == NULL) {
		number = atomic_fetch_add(&used, 1);
		s = number < SOCKS * SOCK_CHUNKS ? fdtab_sock_at(number) : NULL;
		if (s == NULL)
			return NULL;
		s->number = number;
	}
	/* Not `next', which a thread in fdtab_reuse() may still read. */
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
	fdtab_entry *e = fdtab_entry_of(fd, true);
	struct sock *was;

	if (e == NULL)
		return;
	if (s != NULL)
		atomic_fetch_add(&s->refs, 1);
	was = atomic_exchange(e, s != NULL ? s : &not_ours);
	if (was != NULL && was != &not_ours)
		fdtab_release(was);
}

struct sock *
fdtab_drop(int fd)
{
	fdtab_entry *e = fdtab_entry_of(fd, false);
	struct sock *was;

	if (e == NULL || atomic_load(e) == NULL)
		return NULL;
	was = atomic_exchange(e, NULL);
	return was == &not_ours ? NULL : was;
}

void
fdtab_each(unsigned from, unsigned to, void (*run)(int fd))
{
	unsigned fd, end = to < CHUNK * CHUNKS - 1 ? to : CHUNK * CHUNKS - 1;
	fdtab_entry *chunk;

	for (fd = from; fd <= end; fd++) {
		chunk = atomic_load(&fdtab_table()->chunk[fd / CHUNK]);
		if (chunk == NULL)
			fd |= CHUNK - 1; /* to the end of the chunk */
		else if (atomic_load(&chunk[fd % CHUNK]) != NULL)
			run((int)fd);
	}
}

/* --- Threads apart -------------------------------------------------------- */

static pthread_key_t at_exit;
static bool have_key;

/* Runs when a thread ends: the last one of the table releases its entries. */
static void
fdtab_leave(void *arg)
{
	struct table *t = arg;
	struct sock *was;
	fdtab_entry *e;
	int fd;

	mine = NULL;
	if (atomic_load(&t->users) == 1)
		for (fd = 0; fd < CHUNK * CHUNKS; fd++) {
			e = fdtab_entry_in(t, fd, false);
			if (e == NULL) {
				fd |= CHUNK - 1;
				continue;
			}
			was = atomic_exchange(e, NULL);
			if (was != NULL && was != &not_ours)
				fdtab_release(was);
		}
	atomic_fetch_sub(&t->users, 1);
}

/* A free table, else a new one; NULL: no memory. */
static struct table *
fdtab_new_table(void)
{
	struct table *t, *head;
	uint32_t none = 0;

	for (t = atomic_load(&apart); t != NULL; t = t->next) {
		if (atomic_compare_exchange_strong(&t->users, &none, 1))
			return t;
		none = 0;
	}
	t = fdtab_map(sizeof(*t));
	if (t == NULL)
		return NULL;
	atomic_store(&t->users, 1);
	head = atomic_load(&apart);
	do
		t->next = head;
	while (!atomic_compare_exchange_weak(&apart, &head, t));
	return t;
}

static void
fdtab_copy_chunk(struct table *to, fdtab_entry *from, int first)
{
	struct sock *s;
	fdtab_entry *e;
	int i;

	for (i = 0; i < CHUNK; i++) {
		s = atomic_load(&from[i]);
		if (s == NULL || (s != &not_ours && !fdtab_take(s)))
			continue;
		e = fdtab_entry_in(to, first + i, true);
		if (e != NULL)
			atomic_store(e, s);
		else if (s != &not_ours)
			fdtab_release(s);
	}
}

void
fdtab_part(void)
{
	struct table *from = fdtab_table(), *to = fdtab_new_table();
	fdtab_entry *chunk;
	int i;

	if (to == NULL)
		return;
	atomic_store(&to->tid, (pid_t)RAW(SYS_gettid));
	for (i = 0; i < CHUNKS; i++) {
		chunk = atomic_load(&from->chunk[i]);
		if (chunk != NULL)
			fdtab_copy_chunk(to, chunk, i * CHUNK);
	}
	if (from != &common)
		fdtab_leave(from);
	mine = to;
	if (have_key)
		pthread_setspecific(at_exit, to);
}

/* --- Processes ------------------------------------------------------------ */

static pid_t owner; /* the process that the table is of */
static bool forked; /* the process is the child of a fork */

void
fdtab_setup(void)
{
	forked |= owner != 0;
	owner = getpid();
	if (!have_key)
		have_key = pthread_key_create(&at_exit, fdtab_leave) == 0;
	if (mine != NULL) /* the child's only thread has another id */
		atomic_store(&mine->tid, owner);
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
	/* A process that may not ask is taken not to fork any more. */
	return !SECCOMP_ALLOWS(SYS_getpid) || owner == getpid();
}
