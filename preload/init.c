/* SPDX-License-Identifier: ISC */
/* What happens when the library is loaded, and in the child of a fork. */
#include <errno.h>
#include <pthread.h>
#include <sodium.h>

#include "conf.h"
#include "fdtab.h"
#include "forked.h"
#include "guard.h"
#include "libc.h"
#include "spawn.h"

static void
setup(void)
{
	guard_setup();
	fdtab_setup();
}

/* Before this every hook is the raw system call. */
__attribute__((constructor)) static void
init(int argc, char **argv, char **envp)
{
	int saved = errno;

	(void)argc;
	(void)argv;
	libc_find();
	conf_load(envp);
	if (conf_get()->active) {
		spawn_setup(envp);
		setup();
		forked_setup(setup);
		pthread_atfork(NULL, NULL, forked_check);
		if (sodium_init() < 0)
			conf_refuse();
	}
	errno = saved;
}
