/* SPDX-License-Identifier: ISC */
#include "privilege.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shared/seccomp.h"
#include "policy/conf.h"
#include "socket/fdtab.h"
#include "process/iov.h"
#include "shared/ipc.h"
#include "socket/agent_rpc.h"
#include "socket/sock.h"

enum { LOOKED_AT = 256 }; /* descriptors */

/* Once in each process, since the agent stays for those it was told of.  A child
 * of vfork(2) is about to execute another program, and would take along nothing
 * of this. */
void
privilege_before_drop(void)
{
	static _Atomic pid_t told;
	int saved = errno;

	if (conf_get()->active && fdtab_ours() &&
	    (!ipc_known() || atomic_load(&told) != getpid())) {
		atomic_store(&told, getpid());
		agent_rpc_greet();
	}
	errno = saved;
}

void
privilege_before_change(uid_t effective)
{
	if (effective != (uid_t)-1 && effective != geteuid())
		privilege_before_drop();
}

/* Which of the descriptors are sockets is asked now, while it may be. */
static void
privilege_look_at_sockets(void)
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
privilege_before_filter(const struct sock_fprog *prog)
{
	bool more;

	if (!conf_get()->active)
		return;
	if (iov_bad(prog, sizeof(*prog)) || iov_bad(prog->filter, prog->len))
		prog = NULL;
	privilege_look_at_sockets();
	seccomp_add(prog);
	more = SECCOMP_ALLOWS(SYS_socket, AF_INET, SOCK_DGRAM) ||
	    SECCOMP_ALLOWS(SYS_socket, AF_INET, SOCK_DGRAM, IPPROTO_UDP) ||
	    SECCOMP_ALLOWS(SYS_socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC);
	if (more) {
		seccomp_undo();
		privilege_before_drop();
		seccomp_add(prog);
	}
}

void
privilege_filter_failed(void)
{
	if (conf_get()->active)
		seccomp_undo();
}
