/* SPDX-License-Identifier: ISC */
/*
 * Would the loader preload the library into a program?  It does not where
 * execve(2) raises rights (setuid, setgid, file capabilities: ld.so(8),
 * secure-execution mode), in static programs, which have no loader, and in
 * those of another C library or machine.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "ctl.h"
#include "say.h"

enum {
	PROGRAM_HEAD = 256,   /* bytes of a #! line: BINPRM_BUF_SIZE of Linux */
	PROGRAM_NESTED = 5,   /* interpreters of interpreters, as in Linux */
	PROGRAM_HEADERS = 64, /* most program headers that are read */
	PROGRAM_NOTES = 1024, /* most bytes of notes that are read */
};

/* execvp(3) has it run a file that the kernel refuses (ENOEXEC). */
#define SHELL "/bin/sh"

/* What the program headers of an ELF file say. */
struct elf {
	bool interp; /* has a loader */
	bool go;     /* made by Go */
	char loader[PATH_MAX];
};

/* --- Finding it ----------------------------------------------------------- */

/* 0, or the errno of execve(2) for the file itself, whatever is in it. */
static int
program_runnable(const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return errno;
	if (!S_ISREG(st.st_mode) || eaccess(path, X_OK) != 0)
		return EACCES;
	return 0;
}

/* Finds a program along PATH, as execvp(3) does: 0, or an errno. */
static int
program_find(char path[PATH_MAX], const char *name)
{
	const char *dir = getenv("PATH");
	int n, error, found = ENOENT;
	size_t len;

	if (name[0] == '\0')
		return ENOENT;
	if (strchr(name, '/') != NULL) {
		n = snprintf(path, PATH_MAX, "%s", name);
		return n < PATH_MAX ? program_runnable(path) : ENAMETOOLONG;
	}
	if (dir == NULL)
		dir = "/bin:/usr/bin";
	for (;; dir += len + 1) {
		len = strcspn(dir, ":");
		n = snprintf(path, PATH_MAX, "%.*s%s%s", (int)len, dir,
		    len > 0 ? "/" : "./", name);
		error = n < PATH_MAX ? program_runnable(path) : ENOENT;
		if (error == 0)
			return 0;
		if (error == EACCES && access(path, F_OK) == 0)
			found = EACCES;
		if (dir[len] == '\0')
			return found;
	}
}

/* --- Looking into it ------------------------------------------------------ */

/* Would execve(2) of this file raise rights, so that the loader ignores
 * LD_PRELOAD? Returns what raises them, or NULL. */
static const char *
program_raises_rights(const char *path)
{
	struct statvfs fs;
	struct stat st;

	if (stat(path, &st) != 0 || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
		return NULL;
	if (statvfs(path, &fs) == 0 && (fs.f_flag & ST_NOSUID) != 0)
		return NULL;
	if ((st.st_mode & S_ISUID) != 0 && st.st_uid != getuid())
		return "is setuid";
	if ((st.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) &&
	    st.st_gid != getgid())
		return "is setgid";
	if (getuid() != 0 &&
	    getxattr(path, "security.capability", NULL, 0) > 0)
		return "has file capabilities";
	return NULL;
}

/* Do the notes of an ELF file have one of Go's linker, which all Go programs
 * have? */
static bool
program_notes_go(const char *notes, size_t len)
{
	ElfW(Nhdr) note;
	size_t step, at = 0;

	while (len - at >= sizeof(note)) {
		memcpy(&note, notes + at, sizeof(note));
		at += sizeof(note);
		if (note.n_namesz > len - at || note.n_descsz > len - at)
			return false;
		if (note.n_namesz == 4 && memcmp(notes + at, "Go\0", 4) == 0)
			return true;
		step = ((size_t)note.n_namesz + 3) / 4 * 4 +
		    ((size_t)note.n_descsz + 3) / 4 * 4;
		if (step > len - at)
			return false;
		at += step;
	}
	return false;
}

/* Reads the program headers; false: the kernel would refuse the file. */
static bool
program_read_elf(int fd, const ElfW(Ehdr) *head, struct elf *elf)
{
	ElfW(Phdr) p[PROGRAM_HEADERS];
	char notes[PROGRAM_NOTES];
	size_t i, want;
	ssize_t n;

	memset(elf, 0, sizeof(*elf));
	if (head->e_phentsize != sizeof(p[0]) ||
	    head->e_phnum > PROGRAM_HEADERS)
		return false;
	n = (ssize_t)(head->e_phnum * sizeof(p[0]));
	if (pread(fd, p, (size_t)n, (off_t)head->e_phoff) != n)
		return false;
	for (i = 0; i < head->e_phnum; i++) {
		if (p[i].p_type == PT_INTERP &&
		    p[i].p_filesz < sizeof(elf->loader)) {
			n = pread(fd, elf->loader, p[i].p_filesz,
			    (off_t)p[i].p_offset);
			elf->interp = n > 0;
		} else if (p[i].p_type == PT_NOTE) {
			want = p[i].p_filesz < sizeof(notes) ?
			    p[i].p_filesz : sizeof(notes);
			n = pread(fd, notes, want, (off_t)p[i].p_offset);
			elf->go |= n > 0 && program_notes_go(notes, (size_t)n);
		}
	}
	return true;
}

/* Is this the loader of glibc or of musl, which the library supports? */
static bool
program_loader_known(const char *loader)
{
	const char *name = strrchr(loader, '/');

	name = name != NULL ? name + 1 : loader;
	return strncmp(name, "ld-linux", 8) == 0 ||
	    strncmp(name, "ld64.so", 7) == 0 ||
	    strncmp(name, "ld.so.1", 7) == 0 ||
	    strncmp(name, "ld-musl-", 8) == 0;
}

/* Is this an mprun?  It has no loader, and hands LD_PRELOAD on to the program
 * that it runs. */
static bool
program_is_mprun(const char *path)
{
	char file[PATH_MAX];

	return realpath(path, file) != NULL &&
	    strcmp(strrchr(file, '/'), "/mprun") == 0;
}

static int
program_check_elf(int fd, const char *path, const unsigned char *ident)
{
	static const unsigned char ours = sizeof(void *) == 8 ? ELFCLASS64 :
	    ELFCLASS32;
	ElfW(Ehdr) head, self;
	struct elf elf;
	int me, same;

	if (ident[EI_CLASS] != ours) {
		say_line("%s is a %d-bit program, and this mpshim is for "
		    "%d-bit ones", path, ours == ELFCLASS64 ? 32 : 64,
		    ours == ELFCLASS64 ? 64 : 32);
		return CTL_FAILED;
	}
	if (pread(fd, &head, sizeof(head), 0) != sizeof(head) ||
	    !program_read_elf(fd, &head, &elf)) {
		say_line("%s is a damaged program", path);
		return CTL_NOT_RUNNABLE;
	}
	/* mpctl is built for the same machine as the library. */
	me = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	same = me < 0 || pread(me, &self, sizeof(self), 0) != sizeof(self) ||
	    self.e_machine == head.e_machine;
	if (me >= 0)
		close(me);
	if (!same)
		say_line("%s is for another machine than this mpshim", path);
	else if (!elf.interp && program_is_mprun(path))
		return CTL_OK;
	else if (!elf.interp)
		say_line("%s is statically linked, so nothing can be "
		    "preloaded into it", path);
	else if (!program_loader_known(elf.loader))
		say_line("%s is linked with another C library (%s); mpshim "
		    "needs programs of glibc or musl", path, elf.loader);
	else {
		if (elf.go)
			say_line("warning: %s is a Go program; Go calls the "
			    "kernel past mpshim, so it gets one path", path);
		return CTL_OK;
	}
	return CTL_FAILED;
}

/* Reads the interpreter of a #! line as the kernel does; false: no such
 * line. */
static bool
program_read_script(char *head, size_t len, char interpreter[PATH_MAX])
{
	char *word;

	if (len < 2 || head[0] != '#' || head[1] != '!')
		return false;
	head[len] = '\0';
	word = head + 2;
	word += strspn(word, " \t");
	word[strcspn(word, " \t\n")] = '\0';
	snprintf(interpreter, PATH_MAX, "%s", word);
	return true;
}

static int program_check_file(const char *path, int nested);

/* Says what raises the rights, and what to type instead: mprun in the rights that
 * the program has in the end.  One that runs others has them for the command
 * behind it. */
static void
program_say_raised(const char *path, const char *why)
{
	static const char *const others[] = { "sudo", "doas", "su", "pkexec" };
	const char *name = strrchr(path, '/');
	size_t i;

	name = name != NULL ? name + 1 : path;
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (strcmp(name, others[i]) == 0) {
			say_line("%s %s, so the loader would start it without "
			    "mpshim; put mprun behind it: %s mprun PROGRAM",
			    path, why, name);
			return;
		}
	say_line("%s %s, so the loader would start it without mpshim; sudo "
	    "mprun %s starts it with both", path, why, name);
}

/* Checks a file by its first `len' bytes; `head' has room for one more. */
static int
program_check_contents(int fd, const char *path, char *head, size_t len,
    int nested)
{
	char interpreter[PATH_MAX];
	const char *why;
	int error;

	if (len >= EI_NIDENT && memcmp(head, ELFMAG, SELFMAG) == 0) {
		why = program_raises_rights(path);
		if (why == NULL)
			return program_check_elf(fd, path,
			    (unsigned char *)head);
		program_say_raised(path, why);
		return CTL_FAILED;
	}
	if (!program_read_script(head, len, interpreter))
		memcpy(interpreter, SHELL, sizeof(SHELL));
	error = program_runnable(interpreter);
	if (error != 0 || nested >= PROGRAM_NESTED) {
		say_line("%s: its interpreter %s: %s", path, interpreter,
		    strerror(error != 0 ? error : ELOOP));
		return CTL_NOT_RUNNABLE;
	}
	return program_check_file(interpreter, nested + 1);
}

static int
program_check_file(const char *path, int nested)
{
	char head[PROGRAM_HEAD + 1];
	ssize_t n;
	int fd, status;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return CTL_OK; /* may be run but not read: cannot be checked */
	n = pread(fd, head, PROGRAM_HEAD, 0);
	if (n >= 0)
		status = program_check_contents(fd, path, head, (size_t)n,
		    nested);
	else {
		say_line("%s: %s", path, strerror(errno));
		status = CTL_NOT_RUNNABLE;
	}
	close(fd);
	return status;
}

int
ctl_program_check(const char *name)
{
	char path[PATH_MAX];
	int error;

	if (name[0] == '-') {
		say_line("%s: a program's name cannot begin with a dash; "
		    "write ./%s", name, name);
		return CTL_USAGE;
	}
	error = program_find(path, name);
	if (error == 0)
		return program_check_file(path, 0);
	say_line("%s: %s", name, error == ENOENT ? "no such program" :
	    strerror(error));
	return error == ENOENT || error == ENOTDIR ? CTL_NOT_FOUND :
	    CTL_NOT_RUNNABLE;
}
