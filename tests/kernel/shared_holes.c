/* SPDX-License-Identifier: ISC */
/* Which pages of shared memory exist, without a descriptor of it. */
#include "fact.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { PAGE = 4096, PAGES = 8, USER_MODE_ONLY = 1 };

/* Reads a page by the kernel: bytes, or a negative errno. */
static int
page_read(char *at)
{
	char page[PAGE];
	struct iovec here = { page, PAGE }, there = { at, PAGE };
	ssize_t n = process_vm_readv(getpid(), &here, 1, &there, 1, 0);

	return n < 0 ? -errno : (int)n;
}

static void
run(const struct way *w)
{
	struct uffdio_api api = { .api = UFFD_API, .features =
		UFFD_FEATURE_SIGBUS | UFFD_FEATURE_MISSING_SHMEM };
	struct uffdio_register all = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	int fd = memfd_create("arena", MFD_CLOEXEC), watch, error;
	char *a, *window;
	struct stat st;

	(void)w;
	if (fd < 0 || ftruncate(fd, PAGES * PAGE) != 0)
		broken("memfd_create");
	a = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
	    0);
	if (a == MAP_FAILED)
		broken("mmap");
	a[2 * PAGE] = 1;
	watch = (int)syscall(SYS_userfaultfd, O_CLOEXEC | USER_MODE_ONLY);
	claim(watch >= 0, "any process has a userfaultfd", "%s", said(-errno));
	error = ioctl(watch, UFFDIO_API, &api) == 0 ? 0 : -errno;
	claim(error == 0, "it gives SIGBUS", "%s", said(error));
	window = mremap(a, 0, PAGES * PAGE, MREMAP_MAYMOVE);
	all.range.start = (uintptr_t)window;
	all.range.len = PAGES * PAGE;
	error = ioctl(watch, UFFDIO_REGISTER, &all) == 0 ? 0 : -errno;
	claim(error == 0, "a second mapping is watched", "%s", said(error));
	error = page_read(window + 2 * PAGE);
	claim(error == PAGE, "what is there can be read", "%s", said(error));
	error = page_read(window + 3 * PAGE);
	claim(error == -EFAULT, "a hole cannot", "%s", said(error));
	if (fstat(fd, &st) != 0)
		broken("fstat");
	claim(st.st_blocks == PAGE / 512, "and stays one", "%lld blocks",
	    (long long)st.st_blocks);
	error = page_read(a + 3 * PAGE);
	claim(error == PAGE, "the first mapping is as before", "%s",
	    said(error));
}

int
main(void)
{
	return fact_main(&(struct fact) { .number = "K64",
		.holds = "a userfaultfd tells holes of shared memory from pages "
		    "that exist, in swap or not",
		.breaks = "after the death of the whole agent a host with swap "
		    "gets no new one for the sockets that there are",
		.ways = ALL, .run = run });
}
