/* SPDX-License-Identifier: ISC */
/*
 * Hooks: calls that give up rights.  A socket that the program makes later
 * needs the agent, which can no longer be found by its path then: see
 * privilege.h, and the abstract socket in ipc.h.
 */
#include <linux/seccomp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/prctl.h>

#include "hooks.h"
#include "privilege.h"
#include "process/libc.h"

HOOK(int, setuid, (uid_t uid))
{
	privilege_before_change(uid);
	return real_setuid(uid);
}

HOOK(int, seteuid, (uid_t uid))
{
	privilege_before_change(uid);
	return real_seteuid(uid);
}

HOOK(int, setreuid, (uid_t uid, uid_t effective))
{
	privilege_before_change(effective);
	return real_setreuid(uid, effective);
}

HOOK(int, setresuid, (uid_t uid, uid_t effective, uid_t saved))
{
	privilege_before_change(effective);
	return real_setresuid(uid, effective, saved);
}

HOOK(int, chroot, (const char *path))
{
	privilege_before_drop();
	return real_chroot(path);
}

HOOK(int, prctl, (int what, ...))
{
	unsigned long a[4];
	bool filter;
	int i, result;
	va_list ap;

	va_start(ap, what);
	for (i = 0; i < 4; i++)
		a[i] = va_arg(ap, unsigned long);
	va_end(ap);
	filter = what == PR_SET_SECCOMP && a[0] == SECCOMP_MODE_FILTER;
	if (filter)
		privilege_before_filter((const void *)a[1]);
	result = real_prctl(what, a[0], a[1], a[2], a[3]);
	if (filter && result != 0)
		privilege_filter_failed();
	return result;
}
