/* SPDX-License-Identifier: ISC */
#include "rights.h"

#include <errno.h>
#include <stdatomic.h>
#include <unistd.h>

#include "conf.h"
#include "fdtab.h"
#include "ipc.h"
#include "join.h"

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
		join_greet();
	}
	errno = saved;
}

void
rights_change(uid_t effective)
{
	if (effective != (uid_t)-1 && effective != geteuid())
		rights_go();
}
