/* SPDX-License-Identifier: ISC */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "journal.h"

#define SANDBOX_USER "_mpshim" /* made by the package */

enum {
	NOBODY = 65534,
	UNUSED = 1836060672, /* the first of 65536 uids that no system gives */
	UNUSED_EACH = 65536,
	PASSWD = 1 << 20,    /* bytes of /etc/passwd that are read */
};

/* The sanitizers make system calls of their own. */
#if defined(__SANITIZE_ADDRESS__)
#define SANDBOX_OFF 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANDBOX_OFF 1
#endif
#endif

/* All system calls of a worker that serves.  It opens no file, connects to
 * nothing, starts no process and sends no signal. */
static const int allowed[] = {
	/* waiting and time */
	SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_ctl),
	SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(timerfd_settime),
	SCMP_SYS(clock_gettime), SCMP_SYS(restart_syscall),
	SCMP_SYS(rt_sigreturn),
	/* descriptors that it has or is given */
	SCMP_SYS(read), SCMP_SYS(pread64), SCMP_SYS(write), SCMP_SYS(close),
	SCMP_SYS(lseek), SCMP_SYS(fstat), SCMP_SYS(newfstatat),
	SCMP_SYS(accept4), SCMP_SYS(getsockname), SCMP_SYS(getsockopt),
	SCMP_SYS(setsockopt), SCMP_SYS(recvfrom), SCMP_SYS(recvmsg),
	SCMP_SYS(recvmmsg), SCMP_SYS(sendto), SCMP_SYS(sendmsg),
	SCMP_SYS(sendmmsg),
	SCMP_SYS(pidfd_open),
	/* memory */
	SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise),
	SCMP_SYS(mlock), SCMP_SYS(memfd_create), SCMP_SYS(ftruncate),
	SCMP_SYS(futex), SCMP_SYS(get_robust_list), SCMP_SYS(getrandom),
	/* itself */
	SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(geteuid),
	SCMP_SYS(exit_group),
};

/* Adds the calls that are allowed with some arguments only. */
static int
sandbox_allow_some(scmp_filter_ctx ctx)
{
	static const int control[] = { F_SETFL, F_GETFL, F_ADD_SEALS,
		F_GET_SEALS };
	size_t i;
	int error;

	error = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
	    SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (error == 0)
		error = seccomp_rule_add(ctx, SCMP_ACT_ALLOW,
		    SCMP_SYS(mprotect), 1,
		    SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	for (i = 0; error == 0 && i < sizeof(control) / sizeof(*control); i++)
		error = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(fcntl),
		    1, SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)control[i], 0));
	return error;
}

static int
sandbox_load_filter(void)
{
	scmp_filter_ctx ctx;
	size_t i;
	int error = 0;

#ifdef SANDBOX_OFF
	return 0;
#endif
	if (prctl(PR_GET_SECCOMP) < 0 && errno == EINVAL) {
		journal("this kernel has no seccomp");
		return 0;
	}
	ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (ctx == NULL)
		return -ENOMEM;
	for (i = 0; error == 0 && i < sizeof(allowed) / sizeof(*allowed); i++)
		if (allowed[i] >= 0) /* else this machine has no such call */
			error = seccomp_rule_add(ctx, SCMP_ACT_ALLOW,
			    allowed[i], 0);
	if (error == 0)
		error = sandbox_allow_some(ctx);
	if (error == 0)
		error = seccomp_load(ctx);
	seccomp_release(ctx);
	return error;
}

static int
sandbox_drop_capabilities(void)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3];

	memset(none, 0, sizeof(none));
	return syscall(SYS_capset, &head, none) == 0 ? 0 : -errno;
}

/*
 * A user of the worker's own, since what other services run as (nobody is used
 * by many) could send it signals: that of the package, or else a random one of
 * those that no system gives to anybody.  *gid: its group.
 */
static uid_t
sandbox_user(gid_t *gid)
{
	char *line = NULL, *end;
	size_t room = 0, bytes = 0;
	uid_t uid = UNUSED + randombytes_uniform(UNUSED_EACH);
	FILE *f = fopen("/etc/passwd", "re");
	const size_t len = strlen(SANDBOX_USER ":");

	*gid = uid;
	while (f != NULL && bytes < PASSWD && getline(&line, &room, f) > 0) {
		bytes += strlen(line);
		end = strncmp(line, SANDBOX_USER ":", len) == 0 ?
		    strchr(line + len, ':') : NULL;
		if (end == NULL || end[1] < '1' || end[1] > '9')
			continue;
		uid = (uid_t)strtoul(end + 1, &end, 10);
		*gid = *end == ':' ? (gid_t)strtoul(end + 1, NULL, 10) : uid;
		break;
	}
	free(line);
	if (f != NULL)
		fclose(f);
	return uid;
}

/* 0, or a negative errno: the user namespace has no such user, or root may not
 * become another one. */
static int
sandbox_become(uid_t uid, gid_t gid)
{
	if (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0 ||
	    setresuid(uid, uid, uid) != 0)
		return -errno;
	if (getuid() != uid || geteuid() != uid || getgid() != gid ||
	    setresuid(0, 0, 0) == 0)
		return -EACCES;
	return 0;
}

/* Root becomes another user.  In a user namespace that has none, it stays root,
 * which outside is the ordinary user that made the namespace. */
static int
sandbox_drop_root(void)
{
	gid_t gid;
	uid_t uid;
	int error;

	if (geteuid() != 0)
		return 0;
	uid = sandbox_user(&gid);
	error = sandbox_become(uid, gid);
	if (error == -EINVAL) /* no uid of 32 bits */
		error = sandbox_become(NOBODY, NOBODY);
	if (error == 0)
		return 0;
	journal("the worker stays root: %s", strerror(-error));
	return error == -EINVAL || error == -EPERM ? 0 : error;
}

int
sandbox_enter(void)
{
	int error;

	error = sandbox_drop_root();
	if (error == 0)
		error = sandbox_drop_capabilities();
	if (error != 0)
		return error;
	/* A change of user has set this to fs.suid_dumpable: see prctl(2). */
	if (prctl(PR_SET_DUMPABLE, 0) != 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -errno;
	return sandbox_load_filter();
}
