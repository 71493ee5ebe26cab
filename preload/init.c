/* SPDX-License-Identifier: ISC */
/* What happens when the library is loaded, and in the child of a fork. */
#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdbool.h>

#include "conf.h"
#include "fdtab.h"
#include "forked.h"
#include "guard.h"
#include "libc.h"
#include "spawn.h"

/* Exported, for other copies to see; by this name it is surely our own. */
static const char loaded = 1;
extern const char mpshim_loaded
    __attribute__((alias("loaded"), visibility("default")));

static void
setup(void)
{
	guard_setup();
	fdtab_setup();
}

/* Another copy of this library stands before us: it does it all. */
static bool
second(void)
{
	return libc_first("mpshim_loaded") != &loaded;
}

/* Before this every hook is the raw system call.  The linker's -z initfirst has
 * it run before what other libraries and the program begin with. */
__attribute__((constructor)) static void
init(int argc, char **argv, char **envp)
{
	int saved = errno;

	(void)argc;
	(void)argv;
	libc_find();
	if (!second())
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
