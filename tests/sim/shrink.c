/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * A list that breaks a rule is made smaller as long as what is left breaks a
 * rule of the same kind: halves of it go, then quarters, down to single
 * operations (delta debugging); then what the world has besides; then each
 * number gets smaller.  All of it again, until nothing changes.  Operations
 * that then no longer make sense do nothing, so each part of a list is a list.
 *
 * Each try is a process of its own: a fault may be that the engine dies.
 */
#include "shrink.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "field.h"
#include "verbs.h"

enum {
	SHRINK_TRIES = 2500,
	VERDICT_CPU = 20, /* seconds of one list */
};

static struct verdict *
verdict_shared(void)
{
	static struct verdict *v;

	if (v == NULL)
		v = mmap(NULL, sizeof(*v), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (v == MAP_FAILED)
		err(2, "mmap");
	return v;
}

static void
verdict_child(const struct list *l, struct verdict *v, bool trace)
{
	static struct field f;
	struct rlimit cpu = { VERDICT_CPU, VERDICT_CPU }, core = { 0, 0 };

	if (setrlimit(RLIMIT_CPU, &cpu) == -1 ||
	    setrlimit(RLIMIT_CORE, &core) == -1)
		err(2, "setrlimit");
	field_run(&f, l, trace);
	memcpy(v->fault, f.fault, sizeof(v->fault));
	v->back_us = f.back_us;
	fflush(stdout);
	_exit(0);
}

void
verdict_of(const struct list *l, struct verdict *out, bool trace)
{
	struct verdict *v = verdict_shared();
	int status;
	pid_t pid;

	memset(v, 0, sizeof(*v));
	fflush(NULL);
	pid = fork();
	if (pid == -1)
		err(2, "fork");
	if (pid == 0)
		verdict_child(l, v, trace);
	if (waitpid(pid, &status, 0) == -1)
		err(2, "waitpid");
	*out = *v;
	if (WIFSIGNALED(status))
		snprintf(out->fault, sizeof(out->fault), "died: signal %d",
		    WTERMSIG(status));
	else if (WEXITSTATUS(status) != 0)
		snprintf(out->fault, sizeof(out->fault), "died: exit %d",
		    WEXITSTATUS(status));
}

struct shrinking {
	struct list *list;
	struct verdict *verdict;
	unsigned tries;
	bool changed;
};

/* Does the candidate break the same rule?  Then it is taken. */
static bool
shrink_try(struct shrinking *s, const struct list *l)
{
	struct verdict v;
	size_t kind = strcspn(s->verdict->fault, ":") + 1;

	if (s->tries >= SHRINK_TRIES)
		return false;
	s->tries++;
	verdict_of(l, &v, false);
	if (strncmp(v.fault, s->verdict->fault, kind) != 0)
		return false;
	*s->list = *l;
	*s->verdict = v;
	s->changed = true;
	return true;
}

static void
shrink_ops(struct shrinking *s)
{
	struct list l;
	size_t part, at;

	for (part = (s->list->n + 1) / 2; part > 0; part /= 2)
		for (at = s->list->n - s->list->n % part;; at -= part) {
			l = *s->list;
			if (at + part <= l.n) {
				memmove(&l.op[at], &l.op[at + part],
				    (l.n - at - part) * sizeof(l.op[0]));
				l.n -= part;
			} else
				l.n = at < l.n ? at : l.n;
			if (l.n < s->list->n)
				(void)shrink_try(s, &l);
			if (at < part)
				break;
		}
}

static void
shrink_world(struct shrinking *s)
{
	struct list l;
	unsigned i;

	for (i = 0; i < LIST_BITS; i++) {
		l = *s->list;
		l.flags &= ~(1U << i);
		if (l.flags != s->list->flags)
			(void)shrink_try(s, &l);
	}
	for (i = 0; i < 2; i++) {
		l = *s->list;
		if (--l.links[i] > 0)
			(void)shrink_try(s, &l);
	}
}

static void
shrink_number(struct shrinking *s, size_t op, int arg, uint32_t low)
{
	uint32_t now = s->list->op[op].arg[arg], less;
	struct list l = *s->list;

	if (now <= low)
		return;
	l.op[op].arg[arg] = low;
	if (shrink_try(s, &l))
		return;
	for (less = (now - low) / 2; less > (now - low) / 64; less /= 2) {
		l = *s->list;
		now = l.op[op].arg[arg];
		if (now - low <= less)
			continue;
		l.op[op].arg[arg] = now - less;
		(void)shrink_try(s, &l);
	}
}

static void
shrink_numbers(struct shrinking *s)
{
	const struct verb *v;
	size_t i;
	int k;

	for (i = 0; i < s->list->n; i++) {
		v = &verbs[s->list->op[i].verb];
		for (k = 0; k < LIST_ARGS && v->arg[k].kind != 0; k++)
			if (v->arg[k].kind == 'n')
				shrink_number(s, i, k, v->arg[k].low);
	}
}

unsigned
shrink(struct list *l, struct verdict *v)
{
	struct shrinking s = { .list = l, .verdict = v };

	do {
		s.changed = false;
		shrink_ops(&s);
		shrink_world(&s);
		shrink_numbers(&s);
	} while (s.changed && s.tries < SHRINK_TRIES);
	return s.tries;
}
