/* SPDX-License-Identifier: ISC */
/*
 * Theory of operation
 *
 * Library, agent and mpctl write times into memory that they share, so they
 * must read one clock: CLOCK_BOOTTIME, which goes on while the host sleeps and
 * which nobody can set.  Two things make it differ between processes:
 *
 * A library of the program that stands in for clock_gettime(3), as libfaketime
 * does.  So the clock is read by the function of the vDSO, which the symbol
 * does not lead to; it is looked up once in the vDSO's own table of symbols.
 * Where there is none (valgrind) the C library's is called.
 *
 * A time namespace, whose CLOCK_BOOTTIME is moved by a fixed number.  It is
 * read once from /proc/self/timens_offsets and taken off; clock_own() adds it
 * for the kernel's timers.  That file is about the namespace of the children to
 * come: where the process has parted that (unshare(2)), or /proc or the system
 * calls are missing, the number counts as 0.
 *
 * No lock: each word is written once, or by several threads with the same
 * value.  Never: CLOCK_REALTIME for anything but to convert the kernel's time
 * stamps, since it may be set at any time.
 *
 * Sources: vdso(7), time_namespaces(7); PROC_TIME_INIT_INO of linux/proc_ns.h;
 * the lab's scenario process/clocks.
 */
#include "clock.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "raw.h"
#include "real.h"
#include "seccomp.h"

typedef int clock_function(clockid_t, struct timespec *);

/* The vDSO's tables. */
struct clock_vdso {
	uintptr_t base; /* to be added to its addresses */
	const Elf64_Sym *symbols;
	const char *names;
};

/* Finds them in its dynamic section.  The names follow the symbols, which have
 * no length of their own. */
static bool
clock_tables(const Elf64_Ehdr *head, struct clock_vdso *v)
{
	const Elf64_Phdr *p = (const void *)((uintptr_t)head + head->e_phoff);
	const Elf64_Dyn *d = NULL;
	unsigned i;

	for (i = 0; i < head->e_phnum; i++)
		if (p[i].p_type == PT_LOAD && v->base == 0)
			v->base = (uintptr_t)head + p[i].p_offset -
			    p[i].p_vaddr;
		else if (p[i].p_type == PT_DYNAMIC)
			d = (const void *)((uintptr_t)head + p[i].p_offset);
	for (; d != NULL && d->d_tag != DT_NULL; d++)
		if (d->d_tag == DT_SYMTAB)
			v->symbols = (const void *)(v->base + d->d_un.d_ptr);
		else if (d->d_tag == DT_STRTAB)
			v->names = (const void *)(v->base + d->d_un.d_ptr);
	return v->symbols != NULL && v->names > (const char *)v->symbols;
}

static clock_function *
clock_find(void)
{
	uintptr_t at = getauxval(AT_SYSINFO_EHDR);
	struct clock_vdso v = { .base = 0 };
	const Elf64_Sym *s;
	const char *name;

	if (at == 0 || sizeof(long) < 8 || !clock_tables((const void *)at, &v))
		return clock_gettime;
	for (s = v.symbols; (const char *)(s + 1) <= v.names; s++) {
		name = v.names + s->st_name;
		if (s->st_shndx != SHN_UNDEF &&
		    (strcmp(name, "__vdso_clock_gettime") == 0 ||
		    strcmp(name, "__kernel_clock_gettime") == 0))
			return (clock_function *)(v.base + s->st_value);
	}
	return clock_gettime;
}

void
clock_read(clockid_t id, struct timespec *ts)
{
	static _Atomic(clock_function *) kept;
	clock_function *call = atomic_load_explicit(&kept,
	    memory_order_relaxed);

	if (call == NULL) {
		call = clock_find();
		atomic_store_explicit(&kept, call, memory_order_relaxed);
	}
	(void)call(id, ts);
}

/* --- The time namespace --------------------------------------------------- */

static bool
clock_is_ns(const char *path, char name[32])
{
	ssize_t n;

	if (!SECCOMP_ALLOWS(SYS_readlinkat, AT_FDCWD, path))
		return false;
	n = RAW(SYS_readlinkat, AT_FDCWD, path, name, 31);
	name[n > 0 ? n : 0] = '\0';
	return n > 0;
}

static ssize_t
clock_read_file(const char *path, char *text, size_t size)
{
	ssize_t n;
	int fd;

	if (!SECCOMP_ALLOWS(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC))
		return -1;
	fd = (int)RAW(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = real_read(fd, text, size - 1);
	real_close(fd);
	text[n > 0 ? n : 0] = '\0';
	return n;
}

/* What CLOCK_BOOTTIME of this process is ahead of the host's, us. */
static int64_t
clock_ask_ahead(void)
{
	char is[32], children[32], text[256];
	const char *line;
	char *end;
	int64_t us;

	if (!clock_is_ns("/proc/self/ns/time", is) ||
	    strcmp(is, "time:[4026531834]") == 0 ||
	    !clock_is_ns("/proc/self/ns/time_for_children", children) ||
	    strcmp(is, children) != 0 || clock_read_file(
	    "/proc/self/timens_offsets", text, sizeof(text)) <= 0)
		return 0;
	line = strstr(text, "boottime");
	if (line == NULL)
		return 0;
	us = strtoll(line + strlen("boottime"), &end, 10) * 1000000;
	return us + strtoll(end, NULL, 10) / 1000;
}

static int64_t
clock_ahead(void)
{
	static _Atomic int64_t ahead;
	static _Atomic bool known;
	int saved;

	if (!atomic_load_explicit(&known, memory_order_acquire)) {
		saved = errno;
		atomic_store(&ahead, clock_ask_ahead());
		atomic_store_explicit(&known, true, memory_order_release);
		errno = saved;
	}
	return atomic_load_explicit(&ahead, memory_order_relaxed);
}

uint64_t
clock_now(void)
{
	struct timespec ts;

	clock_read(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000 -
	    (uint64_t)clock_ahead();
}

uint64_t
clock_own(uint64_t at)
{
	return at + (uint64_t)clock_ahead();
}
