/* SPDX-License-Identifier: ISC */
#include "fdtab.h"

#include <errno.h>
#include <linux/kcmp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shared/seccomp.h"
#include "shared/bpf.h"
#include "process/forked.h"
#include "shared/old_glibc.h"
#include "shared/raw.h"

enum {
	CHUNK = 1024,	/* descriptors of one chunk */
	CHUNKS = 1024,	/* so fds up to a million; higher ones stay unknown */
	SOCKS = 256,	/* sockets of one chunk */
	SOCK_CHUNKS = 4096,
};

typedef _Atomic(struct sock *) entry;

static struct sock nobody; /* a descriptor that is none of ours */

/* A table of descriptors, as the kernel has them for some threads. */
struct table {
	_Atomic(entry *) chunk[CHUNKS];
	struct table *next;	/* among those of threads apart */
	_Atomic uint32_t users; /* threads; 0: it is free */
	_Atomic pid_t tid;	/* one of them */
};

static struct table common; /* of all threads that never left it */
static _Atomic(struct table *) apart;
/* NULL: this thread has not looked which is its own. */
static __thread struct table *mine __attribute__((tls_model("initial-exec")));

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

/* --- Whose table ---------------------------------------------------------- */

/*
 * A thread that is new since some went apart: it has the descriptors of who
 * started it.  The kernel knows whether that was one of those; but not when that
 * one is gone by now.
 */
static struct table *
look_for_mine(void)
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
	(void)look_for_mine();
	errno = saved;
	return mine;
}

static entry *
entry_in(struct table *t, int fd, bool make)
{
	_Atomic(entry *) *at;
	entry *chunk, *none = NULL;

	if (fd < 0 || fd >= CHUNK * CHUNKS)
		return NULL;
	at = &t->chunk[fd / CHUNK];
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

static entry *
entry_of(int fd, bool make)
{
	return entry_in(fdtab_table(), fd, make);
}

/* --- Entries -------------------------------------------------------------- */

/* One more holder, unless the last is gone. */
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
	entry *e = entry_of(fd, false);
	struct sock *s;

	forked_check();
	*known = false;
	while (e != NULL) {
		s = atomic_load_explicit(e, memory_order_acquire);
		*known = s != NULL;
		if (s == NULL || s == &nobody)
			return NULL;
		if (fdtab_take(s)) {
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
		chunk = atomic_load(&fdtab_table()->chunk[fd / CHUNK]);
		if (chunk == NULL)
			fd |= CHUNK - 1; /* on to the next one */
		else if (atomic_load(&chunk[fd % CHUNK]) != NULL)
			run((int)fd);
	}
}

/* --- Threads apart -------------------------------------------------------- */

static pthread_key_t at_exit;
static bool have_key;

/* Runs when a thread ends: the last one closes what is open there. */
static void
fdtab_leave(void *arg)
{
	struct table *t = arg;
	struct sock *was;
	entry *e;
	int fd;

	mine = NULL;
	if (atomic_load(&t->users) == 1)
		for (fd = 0; fd < CHUNK * CHUNKS; fd++) {
			e = entry_in(t, fd, false);
			if (e == NULL) {
				fd |= CHUNK - 1;
				continue;
			}
			was = atomic_exchange(e, NULL);
			if (was != NULL && was != &nobody)
				fdtab_release(was);
		}
	atomic_fetch_sub(&t->users, 1);
}

/* One that nobody has any more, or another; NULL: no memory. */
static struct table *
table_new(void)
{
	struct table *t, *head;
	uint32_t none = 0;

	for (t = atomic_load(&apart); t != NULL; t = t->next) {
		if (atomic_compare_exchange_strong(&t->users, &none, 1))
			return t;
		none = 0;
	}
	t = fresh(sizeof(*t));
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
copy_chunk(struct table *to, entry *from, int first)
{
	struct sock *s;
	entry *e;
	int i;

	for (i = 0; i < CHUNK; i++) {
		s = atomic_load(&from[i]);
		if (s == NULL || (s != &nobody && !fdtab_take(s)))
			continue;
		e = entry_in(to, first + i, true);
		if (e != NULL)
			atomic_store(e, s);
		else if (s != &nobody)
			fdtab_release(s);
	}
}

void
fdtab_part(void)
{
	struct table *from = fdtab_table(), *to = table_new();
	entry *chunk;
	int i;

	if (to == NULL)
		return;
	atomic_store(&to->tid, (pid_t)RAW(SYS_gettid));
	for (i = 0; i < CHUNKS; i++) {
		chunk = atomic_load(&from->chunk[i]);
		if (chunk != NULL)
			copy_chunk(to, chunk, i * CHUNK);
	}
	if (from != &common)
		fdtab_leave(from);
	mine = to;
	if (have_key)
		pthread_setspecific(at_exit, to);
}

/* --- Processes ------------------------------------------------------------ */

static pid_t owner;
static bool forked; /* this process was, or has */

void
fdtab_setup(void)
{
	forked |= owner != 0;
	owner = getpid();
	if (!have_key)
		have_key = pthread_key_create(&at_exit, fdtab_leave) == 0;
	if (mine != NULL) /* this thread is alone, and has another id */
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
	/* Who may not ask forks no more, we hope. */
	return !SECCOMP_ALLOWS(SYS_getpid) || owner == getpid();
}
