/* SPDX-License-Identifier: ISC */
/* mpctl doctor: the set-up of mpshim: configuration, runtime directory,
 * versions, limits. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exam.h"
#include "host.h"
#include "mp.h"
#include "policy/settings.h"
#include "rows.h"
#include "shared/connect_agent.h"
#include "shared/ipc.h"

enum {
	FILES = 64,	/* fewest open files that a program should be allowed */
	RMEM = 212992,	/* bytes: the kernel's default of rmem_max */
	TOLD = 512,	/* bytes of a complaint */
};

/* --- The configuration --------------------------------------------------- */

static char told[TOLD];

static void
exam_note_complaint(const char *line)
{
	if (told[0] == '\0')
		snprintf(told, sizeof(told), "%s", line);
}

static void
exam_check_config(struct exam *x, const struct check *c)
{
	settings_environ(&x->settings, environ, exam_note_complaint);
	(void)settings_files(&x->settings, environ, exam_note_complaint);
	if (told[0] != '\0')
		exam_found(x, c, told, NULL, NULL);
}

/* --- The runtime directory, and who is in it ----------------------------- */

static void
exam_check_runtime(struct exam *x, const struct check *c)
{
	char path[IPC_PATH] = "";

	if (connect_agent_directory(path, 0) == -EPERM)
		exam_found(x, c, path, NULL, NULL);
}

/* Compares versions with the running agent; -EPROTO: it has another version of
 * the protocol. */
static void
exam_check_agent(struct exam *x, const struct check *c)
{
	static struct ipc_request ask;
	struct ipc_answer answer;
	int got, error;

	ask = (struct ipc_request) { .version = IPC_VERSION, .kind =
	    IPC_HELLO };
	error = ipc_call(&ask, NULL, 0, -1, &answer, &got);
	if (got >= 0)
		close(got);
	if (error == -EPROTO)
		exam_found(x, c, "mpshim-agent", MPSHIM_VERSION, NULL);
	else if (error == 0 && strcmp(answer.text, "mpshim-agent "
	    MPSHIM_VERSION) != 0)
		exam_found(x, c, answer.text, MPSHIM_VERSION, NULL);
}

/* --- What is installed --------------------------------------------------- */

/* Finds the version in a program or library of mpshim, the text behind `words':
 * 1; 0: there is none; -1: there is no such file. */
static int
exam_read_version(const char *path, const char *words, char version[32])
{
	struct stat st;
	char *bytes = NULL, *at;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = -1;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && st.st_size < 64 << 20)
		bytes = calloc(1, (size_t)st.st_size + 1);
	if (bytes != NULL)
		n = read(fd, bytes, (size_t)st.st_size);
	close(fd);
	at = n > 0 ? memmem(bytes, (size_t)n, words, strlen(words)) : NULL;
	if (at != NULL)
		snprintf(version, 32, "%.*s",
		    (int)strcspn(at + strlen(words), "\n"),
		    at + strlen(words));
	free(bytes);
	return at != NULL;
}

/* The directory of library and agent, found as mprun finds it. */
static bool
exam_library_directory(char dir[PATH_MAX])
{
	const char *set = getenv("MPSHIM_LIBDIR");
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (set != NULL && set[0] == '/')
		return snprintf(dir, PATH_MAX, "%s", set) < PATH_MAX;
	if (n <= 0)
		return false;
	self[n] = '\0';
	slash = strrchr(self, '/');
	if (slash == NULL)
		return false;
	*slash = '\0';
	slash = strrchr(self, '/');
	if (slash == NULL || strcmp(slash, "/bin") != 0)
		return snprintf(dir, PATH_MAX, "%s", self) < PATH_MAX;
	*slash = '\0';
	return snprintf(dir, PATH_MAX, "%s/lib/mpshim", self) < PATH_MAX;
}

static void
exam_check_installed(struct exam *x, const struct check *c)
{
	static const char *const parts[][2] = {
		{ "libmpshim.so", "@(#)mpshim " },
		{ "mpshim-agent", "mpshim-agent " },
	};
	char dir[PATH_MAX], path[PATH_MAX + 32], version[32];
	size_t i;
	int has;

	for (i = 0; i < 2 && exam_library_directory(dir); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, parts[i][0]);
		snprintf(version, sizeof(version), "unknown");
		has = exam_read_version(path, parts[i][1], version);
		if (has < 0)
			exam_found(x, c, path, "missing", MPSHIM_VERSION);
		else if (strcmp(version, MPSHIM_VERSION) != 0)
			exam_found(x, c, path, version, MPSHIM_VERSION);
	}
}

/* --- Bundles ------------------------------------------------------------- */

/* How bundles failed on a flow. */
static void
exam_how_bundles_failed(const struct mp_flow_info *f, char *how, size_t size)
{
	if (f->bundle_error != 0)
		snprintf(how, size, "refused: %s", strerror(-f->bundle_error));
	else
		snprintf(how, size, "%u of %u packets were lost, alone %u of "
		    "%u", f->bundle_lost, f->bundle_n, f->single_lost,
		    f->single_n);
}

/* The device is at fault, or the kernel: one finding for each device. */
static void
exam_check_bundles(struct exam *x, const struct check *c)
{
	struct rows rows = { 0 };
	const struct mp_flow_info *f;
	const char *interface;
	char how[80];
	size_t i, k;

	if (rows_get(&rows, 0) != 0)
		return;
	for (i = 0; i < rows.n; i++) {
		f = &rows.row[i].u.flow_row.info;
		interface = rows.row[i].u.flow_row.interface;
		if (rows.row[i].kind != IPC_ROW_FLOW ||
		    f->bundles != MP_BUNDLES_OFF)
			continue;
		for (k = 0; k < x->nfound; k++)
			if (x->found[k].check == c && strcmp(x->found[k].about,
			    interface) == 0)
				break;
		if (k < x->nfound)
			continue;
		exam_how_bundles_failed(f, how, sizeof(how));
		exam_found(x, c, interface, how, NULL);
	}
	rows_free(&rows);
}

/* --- Limits -------------------------------------------------------------- */

static void
exam_check_open_files(struct exam *x, const struct check *c)
{
	struct rlimit l;
	char is[24];

	if (getrlimit(RLIMIT_NOFILE, &l) != 0 || l.rlim_cur >= FILES)
		return;
	snprintf(is, sizeof(is), "%lu", (unsigned long)l.rlim_cur);
	exam_found(x, c, is, NULL, NULL);
}

static void
exam_check_rmem(struct exam *x, const struct check *c)
{
	long most = host_number("/proc/sys/net/core/rmem_max");
	char is[24];

	if (most < 0 || most >= RMEM)
		return;
	snprintf(is, sizeof(is), "%ld", most);
	exam_found(x, c, is, NULL, NULL);
}

const struct check exam_setup[] = {
	{ "config", exam_check_config, EXAM_FAULT, "%1", "mpctl check-config" },
	{ "runtime", exam_check_runtime, EXAM_FAULT,
	    "%1 must be yours alone", "chmod 700 %1" },
	{ "agent", exam_check_agent, EXAM_FAULT,
	    "%1 runs here, but this is mpctl %2: end the programs that run "
	    "under it, and start them anew", "mpctl status" },
	{ "installed", exam_check_installed, EXAM_FAULT,
	    "%1: version %2; mpctl has %3: install all of one",
	    "make install" },
	{ "bundles", exam_check_bundles, EXAM_REMARK,
	    "bundles of datagrams fail on %1 (%2), so all go one by one: a "
	    "fault of the device or the kernel (UDP_SEGMENT)",
	    "ethtool -K %1 tx-udp-segmentation off" },
	{ "files", exam_check_open_files, EXAM_FAULT,
	    "programs may open %1 files only, which is few", "ulimit -n 1024" },
	{ "rmem", exam_check_rmem, EXAM_REMARK,
	    "receive buffers are small (rmem_max is %1): bursts are lost",
	    "sysctl -w net.core.rmem_max=212992" },
	{ .name = NULL },
};
