/* SPDX-License-Identifier: ISC */
/* Runs every suite that suites.h declares. */
#include <arpa/inet.h>
#include <dirent.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process/libc.h"
#include "suites.h"

struct mp_addr
addr_of(const char *ip, unsigned port)
{
	struct mp_addr a = { .port = (uint16_t)port };

	if (inet_pton(AF_INET, ip, a.ip + 12) == 1)
		a.ip[10] = a.ip[11] = 0xff;
	else
		ck_assert_int_eq(inet_pton(AF_INET6, ip, a.ip), 1);
	return a;
}

int
arena_fresh(struct arena_map *m)
{
	static const struct mp_limits small = { .sessions = 4, .flows = 16,
		.flows_each = 4, .pool = 1 << 16, .pool_each = 1 << 15,
		.staged = 1 << 16 };
	struct mp_setup setup = { .limits = small, .port = 4242 };
	size_t size = arena_size(&small);
	uint8_t random[96];
	int fd = memfd_create("arena", MFD_CLOEXEC);

	memset(m, 0, sizeof(*m));
	ck_assert_int_ge(fd, 0);
	ck_assert_uint_gt(size, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	randombytes_buf(random, sizeof(random));
	ck_assert_int_eq(arena_make(m, fd, size, &setup, random), 0);
	return fd;
}

void
child_wait(int pid)
{
	int status;

	ck_assert_int_gt(pid, 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	    "child: status %#x", (unsigned)status);
}

int
fds_open(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	ck_assert_ptr_nonnull(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

int
main(void)
{
	static Suite *(*const suites[])(void) = { suite_net, suite_internal,
		suite_sockfilter, suite_arena, suite_arena_copy, suite_ipc,
		suite_config_file,
		suite_settings, suite_conf, suite_fault, suite_fdtab,
		suite_forked, suite_reentry, suite_pinned, suite_iov,
		suite_ingress, suite_tx_many, suite_tx_option, suite_cork,
		suite_seccomp,
		suite_bpf, suite_rules, suite_dest_policy, suite_cmsg,
		suite_rx_spin };
	SRunner *runner = srunner_create(NULL);
	int i, failed;

	libc_find();
	if (sodium_init() < 0) {
		fprintf(stderr, "check: libsodium does not start\n");
		return 2;
	}
	/* Seconds: a slow machine must not fail, an endless wait must. */
	setenv("CK_DEFAULT_TIMEOUT", "120", 0);
	for (i = 0; i < COUNT(suites); i++)
		srunner_add_suite(runner, suites[i]());
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
