/* SPDX-License-Identifier: ISC */
/* preload/socket/fdtab.c: which descriptor is which socket. */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "socket/fdtab.h"
#include "suites.h"

/* The socket of a descriptor; no reference is kept. */
static struct sock *
peek_at(int fd, bool *known)
{
	struct sock *s = fdtab_hold(fd, known);

	if (s != NULL)
		fdtab_release(s);
	return s;
}

START_TEST(unknown)
{
	static const int fds[] = { -1, -1000000, 0, 5, 1023, 1024, 1048575,
		1048576, 0x7fffffff };
	bool known = true;

	ck_assert_ptr_null(fdtab_hold(fds[_i], &known));
	ck_assert(!known);
	ck_assert_ptr_null(fdtab_drop(fds[_i]));
}
END_TEST

/* The last ones are beyond the table, which does not remember them. */
START_TEST(set)
{
	static const int fds[] = { 0, 1, 1023, 1024, 65535, 1048575, 1048576,
		0x7fffffff, -1 };
	bool in = fds[_i] >= 0 && fds[_i] < 1048576, known;
	struct sock *s = fdtab_new();

	ck_assert_ptr_nonnull(s);
	fdtab_set(fds[_i], NULL);
	ck_assert_ptr_null(peek_at(fds[_i], &known));
	ck_assert(known == in);
	fdtab_set(fds[_i], s);
	ck_assert_ptr_eq(peek_at(fds[_i], &known), in ? s : NULL);
	ck_assert(known == in);
	ck_assert_uint_eq(s->refs, in ? 2 : 1);
	if (in) {
		ck_assert_ptr_eq(fdtab_drop(fds[_i]), s);
		fdtab_release(s);
	}
	ck_assert_ptr_null(peek_at(fds[_i], &known));
	ck_assert(!known);
	ck_assert_uint_eq(s->refs, 1);
	fdtab_release(s);
}
END_TEST

START_TEST(made_clean)
{
	struct sock *a = fdtab_new(), *b = fdtab_new(), *c;
	uint32_t number = a->number;

	ck_assert_ptr_ne(a, b);
	ck_assert_uint_ne(a->number, b->number);
	ck_assert_uint_eq(a->refs, 1);
	ck_assert_uint_eq(a->state, SOCK_FRESH);
	a->cookie = 1;
	a->connected = a->options.tos = true;
	a->peer.port = 9;
	a->state = SOCK_ATTACHED;
	fdtab_release(a);
	c = fdtab_new(); /* the same memory, zeroed */
	ck_assert_ptr_eq(c, a);
	ck_assert_uint_eq(c->number, number);
	ck_assert_uint_eq(c->refs, 1);
	ck_assert_uint_eq(c->state, SOCK_FRESH);
	ck_assert_uint_eq(c->cookie, 0);
	ck_assert(!c->connected && !c->options.tos && c->peer.port == 0);
	fdtab_release(b);
	fdtab_release(c);
}
END_TEST

/* dup(2): two names, one socket, alive until both are gone. */
START_TEST(two_names)
{
	struct sock *s = fdtab_new();
	bool known;

	fdtab_set(5, s);
	fdtab_set(2000, s);
	fdtab_release(s);
	ck_assert_uint_eq(s->refs, 2);
	fdtab_release(fdtab_drop(5));
	ck_assert_ptr_null(peek_at(5, &known));
	ck_assert(!known);
	ck_assert_ptr_eq(peek_at(2000, &known), s);
	s->cookie = 7;
	fdtab_release(fdtab_drop(2000));
	ck_assert_uint_eq(s->refs, 0);
	ck_assert_ptr_eq(fdtab_new(), s);
	ck_assert_uint_eq(s->cookie, 0);
	fdtab_release(s);
}
END_TEST

/* dup2(2) onto a descriptor takes it from the socket that had it. */
START_TEST(name_taken)
{
	struct sock *a = fdtab_new(), *b = fdtab_new();
	bool known;

	fdtab_set(5, a);
	fdtab_set(6, b);
	fdtab_set(6, a);
	ck_assert_ptr_eq(peek_at(6, &known), a);
	ck_assert_uint_eq(a->refs, 3);
	ck_assert_uint_eq(b->refs, 1);
	fdtab_set(6, a); /* onto itself */
	ck_assert_uint_eq(a->refs, 3);
	fdtab_set(6, NULL);
	ck_assert_ptr_null(peek_at(6, &known));
	ck_assert(known);
	ck_assert_uint_eq(a->refs, 2);
	fdtab_release(fdtab_drop(5));
	fdtab_release(a);
	fdtab_release(b);
}
END_TEST

/* A descriptor is closed while another thread is in a call with it. */
START_TEST(held_when_closed)
{
	struct sock *s = fdtab_new(), *other;
	struct arena_map map;
	bool known;

	close(arena_fresh(&map));
	fdtab_set(5, s);
	fdtab_release(s);
	ck_assert_ptr_eq(fdtab_hold(5, &known), s);
	s->map = map;
	fdtab_release(fdtab_drop(5));
	ck_assert_uint_eq(s->refs, 1);
	ck_assert_uint_eq(s->map.arena->port, 4242); /* still mapped */
	other = fdtab_new();
	ck_assert_ptr_ne(other, s);
	fdtab_release(s);
	ck_assert_ptr_null(s->map.arena);
	fdtab_release(other);
}
END_TEST

enum { MANY = 3000 };

START_TEST(many)
{
	static struct sock *all[MANY];
	int i;

	for (i = 0; i < MANY; i++) {
		all[i] = fdtab_new();
		ck_assert_ptr_nonnull(all[i]);
		all[i]->cookie = (uint64_t)i;
	}
	for (i = 0; i < MANY; i++)
		ck_assert_uint_eq(all[i]->cookie, (uint64_t)i);
	for (i = 0; i < MANY; i++)
		fdtab_release(all[i]);
	for (i = MANY - 1; i >= 0; i--) /* last out, first in */
		ck_assert_ptr_eq(fdtab_new(), all[i]);
	for (i = 0; i < MANY; i++)
		fdtab_release(all[i]);
}
END_TEST

START_TEST(ours)
{
	pid_t pid;

	ck_assert(!fdtab_ours());
	fdtab_setup();
	ck_assert(fdtab_ours());
	pid = fork();
	if (pid == 0) {
		if (fdtab_ours())
			_exit(1);
		fdtab_setup();
		_exit(fdtab_ours() ? 0 : 2);
	}
	child_wait(pid);
}
END_TEST

/* --- Threads -------------------------------------------------------------- */

enum { THREADS = 4, TURNS = 40000, NAMES = 6 };

/* A socket stays the same one while there is a reference: the thread that makes
 * it writes its number in two places before others can find it. */
static void *
churn(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;
	struct sock *s;
	bool known;
	int i, fd;

	for (i = 0; i < TURNS; i++) {
		fd = 1020 + rand_r(&seed) % NAMES; /* across two chunks */
		switch (rand_r(&seed) % 5) {
		case 0:
			s = fdtab_new();
			if (s == NULL)
				return "no socket";
			s->cookie = (uint64_t)s->number + 1000;
			s->slot = s->number;
			fdtab_set(fd, s);
			fdtab_release(s);
			break;
		case 1:
			s = fdtab_drop(fd);
			if (s != NULL)
				fdtab_release(s);
			break;
		case 2: /* dup2(2) */
			s = fdtab_hold(fd, &known);
			if (s != NULL) {
				fdtab_set(1020 + rand_r(&seed) % NAMES, s);
				fdtab_release(s);
			}
			break;
		default:
			s = fdtab_hold(fd, &known);
			if (s == NULL)
				break;
			if (s->cookie != (uint64_t)s->slot + 1000 ||
			    s->slot != s->number)
				return "another socket";
			fdtab_release(s);
		}
	}
	return NULL;
}

START_TEST(threads)
{
	pthread_t thread[THREADS];
	struct sock *s;
	void *error;
	int i, fd;

	for (i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, churn,
		    (void *)(uintptr_t)(i + 1)), 0);
	for (i = 0; i < THREADS; i++) {
		pthread_join(thread[i], &error);
		ck_assert_msg(error == NULL, "%s", (char *)error);
	}
	for (fd = 1020; fd < 1020 + NAMES; fd++)
		if ((s = fdtab_drop(fd)) != NULL)
			fdtab_release(s);
	/* None was lost: no more were made than can have been in use at
	 * once. */
	for (i = 0; i < MANY; i++) {
		s = fdtab_new();
		ck_assert_uint_lt(s->number, MANY + 4 * THREADS + NAMES);
	}
}
END_TEST

static int seen[8], n_seen;

static void
see(int fd)
{
	if (n_seen < COUNT(seen))
		seen[n_seen] = fd;
	n_seen++;
}

/* Each descriptor of the range that has an entry. */
START_TEST(each)
{
	static const struct {
		unsigned from, to;
		int fds[5];
	} rows[] = {
		{ 0, ~0U, { 3, 4, 1023, 1024, 500000 } },
		{ 4, 1024, { 4, 1023, 1024 } },
		{ 5, 1022, { 0 } },
		{ 500000, 500000, { 500000 } },
		{ 500001, ~0U, { 0 } },
		{ 9, 3, { 0 } },
	};
	int i;

	for (i = 0; i < COUNT(rows[0].fds); i++)
		fdtab_set(rows[0].fds[i], NULL);
	n_seen = 0;
	fdtab_each(rows[_i].from, rows[_i].to, see);
	for (i = 0; i < n_seen; i++)
		ck_assert_int_eq(seen[i], rows[_i].fds[i]);
	ck_assert(n_seen == COUNT(rows[_i].fds) || rows[_i].fds[n_seen] == 0);
}
END_TEST

Suite *
suite_fdtab(void)
{
	Suite *s = suite_create("fdtab");
	TCase *t = tcase_create("fdtab");

	tcase_add_loop_test(t, unknown, 0, 9);
	tcase_add_loop_test(t, set, 0, 9);
	tcase_add_test(t, made_clean);
	tcase_add_test(t, two_names);
	tcase_add_test(t, name_taken);
	tcase_add_test(t, held_when_closed);
	tcase_add_test(t, many);
	tcase_add_test(t, ours);
	tcase_add_loop_test(t, each, 0, 6);
	tcase_add_test(t, threads);
	suite_add_tcase(s, t);
	return s;
}
