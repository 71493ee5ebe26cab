/* SPDX-License-Identifier: ISC */
/*
 * Hook: dlopen(3).  An object that is loaded with RTLD_DEEPBIND, as PHP's
 * extensions are, finds the C library's functions before the hooks: its sockets
 * would send plaintext.
 */
#include <dlfcn.h>

#include "hooks.h"
#include "policy/conf.h"
#include "process/libc.h"

/* The RUNPATH of the object that calls dlopen(3) counts, which glibc finds
 * by the return address.  So the real one is called by a jump, as the last
 * thing. */
HOOK(void *, dlopen, (const char *file, int mode))
{
	return real_dlopen(file, conf_get()->active ? mode & ~RTLD_DEEPBIND :
						      mode);
}
