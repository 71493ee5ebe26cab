/* SPDX-License-Identifier: ISC */
#include "init.h"

#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdbool.h>

#include "policy/conf.h"
#include "process/forked.h"
#include "process/libc.h"
#include "process/log.h"
#include "process/musl.h"
#include "process/reentry.h"
#include "process/spawn_agent.h"
#include "shared/seccomp.h"
#include "socket/agent_rpc.h"
#include "socket/fdtab.h"

/* The version for mpctl doctor and what(1).  Exported under another name, by
 * which a second copy of the library finds the first; `loaded' is always this
 * copy's. */
static const char loaded[] = "@(#)mpshim " MPSHIM_VERSION;
extern const char mpshim_loaded[sizeof(loaded)]
    __attribute__((alias("loaded"), visibility("default")));

/* What glibc's pthread_atfork(3) calls.  Where it is missing, forked.c finds
 * out at the next call. */
extern int __register_atfork(void (*)(void), void (*)(void), void (*)(void),
    void *) __attribute__((weak));
extern void *__dso_handle __attribute__((visibility("hidden")));
extern char **environ;

static void
init_process(void)
{
	reentry_setup();
	fdtab_setup();
}

/* Is another copy of the library loaded before this one?  That one does all. */
static bool
init_is_second(void)
{
	const void *first = libc_first("mpshim_loaded");

	return first != NULL && first != loaded;
}

/* A symbol of glibc's loader: where the kernel put argc, the arguments and the
 * environment.  Other C libraries lack it. */
extern void *__libc_stack_end __attribute__((weak));

static bool
init_is_glibc(void)
{
	return &__libc_stack_end != NULL;
}

static void
init_start(char **envp)
{
	static bool started;
	int saved = errno;

	if (started)
		return;
	started = true;
	if (!init_is_glibc())
		musl_setup();
	libc_find();
	if (!init_is_second())
		conf_load(envp);
	if (conf_get()->active) {
		log_say(LOG_DEBUG, LOG_ALWAYS, "version " MPSHIM_VERSION
		    " in %s", conf_get()->program);
		spawn_agent_setup(envp);
		init_process();
		forked_setup(init_process);
		seccomp_set_fallback(agent_rpc_option);
		if (__register_atfork != NULL)
			(void)__register_atfork(NULL, NULL, forked_check,
			    __dso_handle);
		if (sodium_init() < 0)
			conf_refuse();
	}
	errno = saved;
}

/* Until this has run every hook but socket(2) makes the raw system call. */
__attribute__((constructor)) static void
init_constructor(int argc, char **argv, char **envp)
{
	(void)argc;
	(void)argv;
	init_start(init_is_glibc() ? envp : environ);
}

void
init_early(void)
{
	long *argc;

	if (!init_is_glibc()) {
		init_start(environ);
		return;
	}
	argc = __libc_stack_end;
	init_start((char **)(argc + 1) + *argc + 1);
}
