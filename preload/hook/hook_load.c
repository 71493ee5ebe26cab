/* SPDX-License-Identifier: ISC */
/*
 * Hooks: loading.  An object that is loaded with RTLD_DEEPBIND finds the C
 * library's functions before ours, as PHP's extensions do: its sockets would
 * send plaintext.
 */
#include <dlfcn.h>

#include "policy/conf.h"
#include "hooks.h"

/* The last thing that it does is a jump: who called us is who called dlopen(3),
 * whose RUNPATH counts. */
HOOK(void *, dlopen, (const char *file, int mode))
{
	return real_dlopen(file, conf_get()->active ? mode & ~RTLD_DEEPBIND :
						      mode);
}
