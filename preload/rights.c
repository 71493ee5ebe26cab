/* SPDX-License-Identifier: ISC */
#include "rights.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "allowed.h"
#include "conf.h"
#include "fdtab.h"
#include "iov.h"
#include "ipc.h"
#include "query.h"
#include "sock.h"

enum { LOOKED_AT = 256 }; /* descriptors */

/* Once in each process, since the agent stays for those it was told of.  A child
 * of vfork(2) is about to execute another program, and would take along nothing
 * of this. */
void
rights_go(void)
{
	static _Atomic pid_t told;
	int saved = errno;

	if (conf_get()->active && fdtab_ours() &&
	    (!ipc_known() || atomic_load(&told) != getpid())) {
		atomic_store(&told, getpid());
		query_greet();
	}
	errno = saved;
}

void
rights_change(uid_t effective)
{
	if (effective != (uid_t)-1 && effective != geteuid())
		rights_go();
}

/* Which of the descriptors are sockets is asked now, while it may be. */
static void
look_at_all(void)
{
	struct sock *s;
	int fd;

	for (fd = 0; fd < LOOKED_AT; fd++) {
		s = sock_hold(fd);
		if (s != NULL)
			fdtab_release(s);
	}
}

/*
 * With no socket to come there is no need of the agent.  Datagrams that carry
 * their addresses cannot do without these two calls.
 */
void
rights_filter(const struct sock_fprog *prog)
{
	bool more;

	if (!conf_get()->active)
		return;
	if (iov_bad(prog, sizeof(*prog)) || iov_bad(prog->filter, prog->len))
		prog = NULL;
	look_at_all();
	allowed_add(prog);
	more = ALLOWED(SYS_socket, AF_INET, SOCK_DGRAM) ||
	    ALLOWED(SYS_socket, AF_INET, SOCK_DGRAM, IPPROTO_UDP) ||
	    ALLOWED(SYS_socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC);
	if (more) {
		allowed_undo();
		rights_go();
		allowed_add(prog);
	}
}

void
rights_no_filter(void)
{
	if (conf_get()->active)
		allowed_undo();
}
