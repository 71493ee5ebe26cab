/* SPDX-License-Identifier: ISC */
/* Shared memory whose size nobody can change. */
#include "fact.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SIZE = 8192 };

static void
run(const struct way *w)
{
	int fd = memfd_create("arena", MFD_CLOEXEC | MFD_ALLOW_SEALING), error;
	char *a, *b;

	(void)w;
	if (fd < 0 || ftruncate(fd, SIZE) != 0)
		broken("memfd_create");
	error = fcntl(fd, F_ADD_SEALS,
	    F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0 ? 0 : -errno;
	claim(error == 0, "seals are taken", "%s", said(error));
	error = ftruncate(fd, 0) == 0 ? 0 : -errno;
	claim(error == -EPERM, "it cannot shrink", "%s", said(error));
	error = ftruncate(fd, 2 * SIZE) == 0 ? 0 : -errno;
	claim(error == -EPERM, "it cannot grow", "%s", said(error));
	error = fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) == 0 ? 0 : -errno;
	claim(error == -EPERM, "no seal can be added", "%s", said(error));
	claim((fcntl(fd, F_GET_SEALS) & F_SEAL_SHRINK) != 0,
	    "F_GET_SEALS tells them", "%#x",
	    (unsigned)fcntl(fd, F_GET_SEALS));
	a = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_NORESERVE, fd, 0);
	b = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_NORESERVE, fd, 0);
	claim(a != MAP_FAILED && b != MAP_FAILED, "it can be mapped for "
	    "writing", "%s", said(-errno));
	strcpy(a, "shared");
	claim(strcmp(b, "shared") == 0, "all mappings show the same",
	    "something else");
	claim(mremap(a, 0, SIZE, MREMAP_MAYMOVE) != MAP_FAILED,
	    "mremap of length 0 makes one more mapping", "%s", said(-errno));
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K37",
		.holds = "a memfd sealed against shrinking and growing keeps its "
		    "size, and can be mapped and written",
		.breaks = "a process can kill the agent and others of its port "
		    "(SIGBUS) by cutting the arena",
		.ways = ALL, .run = run });
}
