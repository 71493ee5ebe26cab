/* SPDX-License-Identifier: ISC */
/*
 * mprun: runs a program under mpshim.
 *
 * Programs are often started, so this is one process from first to last: it
 * turns the options into variables, looks whether they and the program are
 * right, and becomes the program, with libmpshim.so in LD_PRELOAD.  It is linked
 * statically, since the loader would take longer than all of that, and apart
 * from mpctl, whose size the kernel would have to map.
 */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/wait.h>
#include <unistd.h>

#include "options.h"
#include "ctl/ctl.h"
#include "ctl/say.h"

/* --- The other files: installed, or in the directory they are built in ---- */

static char library[PATH_MAX], *lib, *ctl;

/* The directory of this program, with a slash at its end. */
static void
run_own_directory(char dir[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", dir, PATH_MAX - 1);

	if (n > 0)
		dir[n] = '\0';
	else if (realpath((const char *)getauxval(AT_EXECFN), dir) == NULL)
		memcpy(dir, "/", 2);
	strrchr(dir, '/')[1] = '\0';
}

static void
run_find_files(const char *dir)
{
	const char *set = getenv("MPSHIM_LIBDIR");

	lib = run_join(dir, "", "");
	lib[strlen(lib) - 1] = '\0';
	if (set != NULL && set[0] != '\0')
		lib = run_join(set, "", "");
	else if (access(run_join(dir, "libmpshim.so", ""), F_OK) != 0) {
		if (strchr(lib, '/') != NULL)
			*strrchr(lib, '/') = '\0';
		lib = run_join(lib, "/lib/mpshim", "");
	}
	ctl = run_join(dir, "mpctl", "");
	if (access(ctl, X_OK) != 0)
		ctl = run_join(lib, "/mpctl", "");
}

static int
run_check_files(void)
{
	const char *file[] = { run_join(lib, "/libmpshim.so", ""),
		run_join(lib, "/mpshim-agent", ""), ctl };
	const char *c;
	size_t i;

	for (i = 0; i < sizeof(file) / sizeof(file[0]); i++)
		if (access(file[i], R_OK) != 0) {
			say_line("%s is missing: run make, or install mpshim "
			    "anew", file[i]);
			return CTL_FAILED;
		}
	if (lib[0] != '/') {
		say_line("MPSHIM_LIBDIR: \"%s\": want an absolute path", lib);
		return CTL_FAILED;
	}
	for (c = lib; *c != '\0'; c++)
		if (isspace((unsigned char)*c) || *c == ':' || *c == '$') {
			say_line("%s: the loader takes no path with a blank, "
			    "colon or $; move mpshim", lib);
			return CTL_FAILED;
		}
	snprintf(library, sizeof(library), "%s", file[0]);
	return CTL_OK;
}

/* --- The environment ------------------------------------------------------ */

/* The program may get another HOME: the library is told this one. */
static void
run_keep_home(void)
{
	const char *home = getenv("HOME"), *config = getenv("XDG_CONFIG_HOME");

	setenv("MPSHIM_HOME", home != NULL ? home : "", 1);
	unsetenv("MPSHIM_CONFIG_HOME");
	if (config != NULL && config[0] != '\0')
		setenv("MPSHIM_CONFIG_HOME", config, 1);
}

/* Is the library in the list already?  Parts are separated by colons or
 * blanks. */
static bool
run_is_preloaded(const char *list)
{
	size_t len;

	for (; *list != '\0'; list += len) {
		list += strspn(list, ": \t\n\v\f\r");
		len = strcspn(list, ": \t\n\v\f\r");
		if (len == strlen(library) && memcmp(list, library, len) == 0)
			return true;
	}
	return false;
}

static void
run_preload(void)
{
	const char *list = getenv("LD_PRELOAD");

	list = list != NULL ? list : "";
	if (!run_is_preloaded(list))
		setenv("LD_PRELOAD", run_join(list, list[0] != '\0' ? ":" : "",
		    library), 1);
}

/* --- Go ------------------------------------------------------------------- */

/* Has mpctl record the events of this process.  It does so in a process that is
 * no child of this one, so the program, too, has none that it did not make. */
static int
run_record(const char *path)
{
	char pid[16];
	char *argv[] = { ctl, "record", "--", (char *)(uintptr_t)path, pid,
		NULL };
	pid_t child;
	int status = 0;

	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	child = fork();
	if (child == 0) {
		execv(ctl, argv);
		_exit(CTL_FAILED);
	}
	if (child < 0) {
		say_line("--events: %s", strerror(errno));
		return CTL_FAILED;
	}
	/* Where SIGCHLD is ignored there is no status to learn. */
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		continue;
	return WIFEXITED(status) ? WEXITSTATUS(status) : CTL_FAILED;
}

/* May it run?  Then its recording has begun, if that was asked for.  The events
 * are of this program only: an mprun that it runs has its own. */
static int
run_prepare(const char *program)
{
	const char *events = getenv("MPSHIM_EVENTS");
	int status = ctl_environ_check();

	if (status == CTL_OK && !run_interfaces_ok())
		status = CTL_USAGE;
	if (status == CTL_OK)
		status = ctl_program_check(program);
	if (status == CTL_OK && events != NULL && events[0] != '\0')
		status = run_record(events);
	unsetenv("MPSHIM_EVENTS");
	return status;
}

int
main(int argc, char **argv)
{
	char dir[PATH_MAX];
	char **program;
	int status;

	(void)argc;
	say_set_name("mprun");
	status = run_options(argv, &program);
	if (status >= 0)
		return status;
	run_keep_home();
	run_own_directory(dir);
	run_find_files(dir);
	status = run_check_files();
	if (status != CTL_OK)
		return status;
	if (program[0] == NULL) {
		say_line("which program?  mprun --help tells more");
		return CTL_USAGE;
	}
	status = run_prepare(program[0]);
	if (status != CTL_OK)
		return status;
	run_preload();
	execvp(program[0], program);
	say_line("%s: %s", program[0], strerror(errno));
	return errno == ENOENT ? CTL_NOT_FOUND : CTL_NOT_RUNNABLE;
}
