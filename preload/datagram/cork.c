/* SPDX-License-Identifier: ISC */
#include "cork.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "process/iov.h"
#include "shared/net.h"
#include "socket/fdtab.h"

enum { CORKS = 16 };

static _Atomic(struct cork *) corks[CORKS];

/* Corks are made when they are first needed, and never freed. */
static struct cork *
cork_at(int i)
{
	struct cork *c = atomic_load(&corks[i]), *none = NULL;

	if (c != NULL)
		return c;
	c = mmap(NULL, sizeof(*c), PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (c == MAP_FAILED)
		return NULL;
	if (atomic_compare_exchange_strong(&corks[i], &none, c))
		return c;
	munmap(c, sizeof(*c));
	return none;
}

/* Makes it busy, if it belongs to that owner and no call has it. */
static bool
cork_try_lock(struct cork *c, uint64_t owner)
{
	uint32_t idle = 0;

	if (c == NULL || atomic_load(&c->owner) != owner ||
	    !atomic_compare_exchange_strong(&c->busy, &idle, 1))
		return false;
	if (atomic_load(&c->owner) == owner)
		return true;
	atomic_store(&c->busy, 0);
	return false;
}

/* Makes an empty one of this socket. */
static struct cork *
cork_reset(struct cork *c, const struct sock *s)
{
	c->iov = (struct iovec) { .iov_base = c->data };
	atomic_store(&c->owner, s->cookie);
	return c;
}

struct cork *
cork_enter(struct sock *s)
{
	struct cork *c;
	int i;

	for (i = 0; atomic_load(&s->options.corked) && i < CORKS; i++)
		if (cork_try_lock(atomic_load(&corks[i]), s->cookie))
			return atomic_load(&corks[i]);
	for (i = 0; i < CORKS; i++)
		if (cork_try_lock(cork_at(i), 0))
			return cork_reset(atomic_load(&corks[i]), s);
	/* All 16 are taken: takes one away, whose socket may be closed by
	 * now. */
	i = (int)(s->cookie % CORKS);
	c = cork_at(i);
	if (c == NULL || !cork_try_lock(c, atomic_load(&c->owner)))
		return NULL;
	return cork_reset(c, s);
}

void
cork_leave(struct cork *c, bool stays)
{
	if (!stays)
		atomic_store(&c->owner, 0);
	atomic_store(&c->busy, 0);
}

int
cork_begin(struct cork *c, const struct msghdr *msg)
{
	c->iov.iov_len = 0;
	c->msg = (struct msghdr) { .msg_iov = &c->iov, .msg_iovlen = 1 };
	if (msg->msg_controllen > sizeof(c->control))
		return -ENOBUFS;
	if (iov_bad(msg->msg_control, msg->msg_controllen) ||
	    iov_bad(msg->msg_name, msg->msg_namelen))
		return -EFAULT;
	if (msg->msg_controllen > 0) {
		memcpy(c->control, msg->msg_control, msg->msg_controllen);
		c->msg.msg_control = c->control;
		c->msg.msg_controllen = msg->msg_controllen;
	}
	if (msg->msg_name != NULL && msg->msg_namelen > 0) {
		c->msg.msg_name = &c->name;
		c->msg.msg_namelen = msg->msg_namelen < sizeof(c->name) ?
		    msg->msg_namelen : sizeof(c->name);
		memcpy(&c->name, msg->msg_name, c->msg.msg_namelen);
	}
	return 0;
}

ssize_t
cork_add(struct cork *c, const struct msghdr *msg)
{
	ssize_t n = iov_gather(msg, c->data + c->iov.iov_len,
	    CORK_MAX - c->iov.iov_len);

	if (n > 0)
		c->iov.iov_len += (size_t)n;
	return n;
}
