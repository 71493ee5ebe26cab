/* SPDX-License-Identifier: ISC */
/*
 * Hooks: what takes rights away.  A socket that the program makes afterwards
 * needs the agent, whom it would not find any more: see the side door in ipc.h.
 */
#include <errno.h>
#include <unistd.h>

#include "hooks.h"
#include "rights.h"

HOOK(int, setuid, (uid_t uid))
{
	rights_change(uid);
	return real_setuid(uid);
}

HOOK(int, seteuid, (uid_t uid))
{
	rights_change(uid);
	return real_seteuid(uid);
}

HOOK(int, setreuid, (uid_t uid, uid_t effective))
{
	rights_change(effective);
	return real_setreuid(uid, effective);
}

HOOK(int, setresuid, (uid_t uid, uid_t effective, uid_t saved))
{
	rights_change(effective);
	return real_setresuid(uid, effective, saved);
}

HOOK(int, chroot, (const char *path))
{
	rights_go();
	return real_chroot(path);
}
