/* SPDX-License-Identifier: ISC */
/* mpctl doctor: what is ours: the configuration, keys, the runtime directory,
 * versions, limits. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl.h"
#include "ctl_exam.h"
#include "ipc.h"
#include "keyfile.h"

enum {
	FILES = 64,	  /* that a program should be able to open, at least */
	RMEM = 212992,	  /* the kernel's own default */
	TOLD = 512,
};

/* --- The configuration ------------------------------------------------------ */

static char told[TOLD];

static void
hear(const char *line)
{
	if (told[0] == '\0')
		snprintf(told, sizeof(told), "%s", line);
}

static void
look_config(struct exam *x, const struct check *c)
{
	settings_environ(&x->settings, environ, hear);
	(void)settings_files(&x->settings, environ, hear);
	if (told[0] != '\0')
		exam_found(x, c, told, NULL, NULL);
}

/* --- Keys --------------------------------------------------------------------- */

static struct exam_key {
	char path[PATH_MAX];
	struct keyfile is;
} *keys;
static size_t nkeys;

static bool
key_named(const char *name)
{
	size_t len = strlen(name);

	return len > 4 && strcmp(name + len - 4, ".key") == 0;
}

/* Takes one in, or says why not. */
static void
add_key(struct exam *x, const struct check *c, const char *path)
{
	struct exam_key *k, *more;
	char why[IPC_TEXT];
	int fd = keyfile_open(path, why);

	if (fd == -EACCES && access(path, R_OK) != 0)
		return; /* the system's, of others */
	if (fd < 0) {
		exam_found(x, c, why, NULL, NULL);
		return;
	}
	more = reallocarray(keys, nkeys + 1, sizeof(*keys));
	if (more != NULL) {
		keys = more;
		k = &keys[nkeys];
		snprintf(k->path, sizeof(k->path), "%s", path);
		if (keyfile_read(fd, path, &k->is, why) == 0)
			nkeys++;
		else
			exam_found(x, c, why, NULL, NULL);
	}
	close(fd);
}

/* A key that others can read is found by its mode, with what to do. */
static void
look_key_mode(struct exam *x, const struct check *c, const char *path)
{
	struct stat st;

	if (lstat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	    (st.st_mode & 077) != 0)
		exam_found(x, c, path, NULL, NULL);
}

static void
look_key_owner(struct exam *x, const struct check *c, const char *path)
{
	char uid[16];
	struct stat st;

	if (lstat(path, &st) != 0 || !S_ISREG(st.st_mode) ||
	    st.st_uid == geteuid() || st.st_uid == 0)
		return;
	snprintf(uid, sizeof(uid), "%u", geteuid());
	exam_found(x, c, path, uid, NULL);
}

static void
look_key_file(struct exam *x, const struct check *c, const char *path)
{
	struct stat st;

	if (lstat(path, &st) != 0 || (S_ISREG(st.st_mode) &&
	    ((st.st_mode & 077) != 0 ||
		(st.st_uid != geteuid() && st.st_uid != 0))))
		return; /* the other two tell of it */
	add_key(x, c, path);
}

static void
each_in(struct exam *x, const struct check *c, const char *dir,
    void (*look)(struct exam *, const struct check *, const char *))
{
	char path[PATH_MAX];
	struct dirent *e;
	DIR *d = opendir(dir);

	while (d != NULL && (e = readdir(d)) != NULL)
		if (key_named(e->d_name) && snprintf(path, sizeof(path),
		    "%s/%s", dir, e->d_name) < (int)sizeof(path))
			look(x, c, path);
	if (d != NULL)
		closedir(d);
}

static void
each_key(struct exam *x, const struct check *c,
    void (*look)(struct exam *, const struct check *, const char *))
{
	const char *home = getenv("HOME");
	char dir[PATH_MAX];

	if (home != NULL && home[0] == '/' && snprintf(dir, sizeof(dir),
	    "%s/.config/mpshim/keys", home) < (int)sizeof(dir))
		each_in(x, c, dir, look);
	each_in(x, c, "/etc/mpshim/keys", look);
}

static void
look_modes(struct exam *x, const struct check *c)
{
	each_key(x, c, look_key_mode);
}

static void
look_owners(struct exam *x, const struct check *c)
{
	each_key(x, c, look_key_owner);
}

static void
look_keys(struct exam *x, const struct check *c)
{
	char list[IPC_KEYS], *word, *rest;

	each_key(x, c, look_key_file);
	memcpy(list, x->settings.keys, sizeof(list));
	for (word = strtok_r(list, " ", &rest); word != NULL;
	    word = strtok_r(NULL, " ", &rest))
		if (word[0] == '/')
			add_key(x, c, word);
}

/* The same secret twice: both halves here, or one under two names. */
static void
look_halves(struct exam *x, const struct check *c)
{
	size_t i, k;

	for (i = 0; i < nkeys; i++)
		for (k = i + 1; k < nkeys; k++)
			if (sodium_memcmp(keys[i].is.secret,
			    keys[k].is.secret, sizeof(keys[i].is.secret)) == 0)
				exam_found(x, c, keys[i].path, keys[k].path,
				    NULL);
}

/* A name that is asked for, of which there is no file. */
static void
look_missing(struct exam *x, const struct check *c)
{
	char list[IPC_KEYS], path[PATH_MAX], *word, *rest;
	const char *home = getenv("HOME");
	bool there;

	memcpy(list, x->settings.keys, sizeof(list));
	for (word = strtok_r(list, " ", &rest); word != NULL;
	    word = strtok_r(NULL, " ", &rest)) {
		if (word[0] == '/')
			continue;
		snprintf(path, sizeof(path), "/etc/mpshim/keys/%s.key", word);
		there = access(path, F_OK) == 0;
		snprintf(path, sizeof(path), "%s/.config/mpshim/keys/%s.key",
		    home != NULL ? home : "", word);
		if (!there && access(path, F_OK) != 0)
			exam_found(x, c, word, NULL, NULL);
	}
}

static void
look_no_key(struct exam *x, const struct check *c)
{
	if (nkeys == 0 && x->settings.keys[0] == '\0' && x->nfound == 0)
		exam_found(x, c, NULL, NULL, NULL);
}

/* Is it among those that are asked for, or are all? */
static bool
key_wanted(const struct settings *s, const struct exam_key *k)
{
	const char *name = s->keys;
	size_t n;

	for (; *name != '\0'; name += n + strspn(name + n, " ")) {
		n = strcspn(name, " ");
		if ((strlen(k->is.name) == n &&
		    memcmp(k->is.name, name, n) == 0) ||
		    (strlen(k->path) == n && memcmp(k->path, name, n) == 0))
			return true;
	}
	return s->keys[0] == '\0';
}

size_t
exam_keys(void)
{
	return nkeys;
}

bool
exam_ring(const struct exam *x, size_t i, bool other_end,
    struct mp_keyring *ring)
{
	const struct keyfile *k = &keys[i].is;

	memset(ring, 0, sizeof(*ring));
	return key_wanted(&x->settings, &keys[i]) && mp_keyring_add(ring,
	    k->name, (char)(other_end ? 'A' + 'B' - k->end : k->end),
	    k->secret) == 0;
}

void
exam_forget(void)
{
	if (keys != NULL)
		sodium_memzero(keys, nkeys * sizeof(*keys));
	free(keys);
	keys = NULL;
	nkeys = 0;
}

/* --- The runtime directory, and who is in it -------------------------------- */

static void
look_runtime(struct exam *x, const struct check *c)
{
	char path[IPC_PATH] = "";

	if (ipc_directory(path, 0) == -EPERM)
		exam_found(x, c, path, NULL, NULL);
}

/* Asks the agent for its version; it answers to those of ours alone. */
static void
look_agent(struct exam *x, const struct check *c)
{
	static struct ipc_ask ask;
	struct ipc_answer answer;
	int got, error;

	ask = (struct ipc_ask) { .version = IPC_VERSION, .kind = IPC_HELLO };
	error = ipc_ask(&ask, NULL, 0, -1, &answer, &got);
	if (got >= 0)
		close(got);
	if (error == -EPROTO)
		exam_found(x, c, "mpshim-agent", MPSHIM_VERSION, NULL);
	else if (error == 0 && strcmp(answer.text, "mpshim-agent "
	    MPSHIM_VERSION) != 0)
		exam_found(x, c, answer.text, MPSHIM_VERSION, NULL);
}

/* --- What is installed -------------------------------------------------------- */

/* The version that a program or library of ours holds behind these words: 1; 0:
 * it has none; -1: there is no such file. */
static int
version_in(const char *path, const char *words, char version[32])
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

/* Where library and agent lie, as mprun has it. */
static bool
library_directory(char dir[PATH_MAX])
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
look_installed(struct exam *x, const struct check *c)
{
	static const char *const parts[][2] = {
		{ "libmpshim.so", "@(#)mpshim " },
		{ "mpshim-agent", "mpshim-agent " },
	};
	char dir[PATH_MAX], path[PATH_MAX + 32], version[32];
	size_t i;
	int has;

	for (i = 0; i < 2 && library_directory(dir); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, parts[i][0]);
		snprintf(version, sizeof(version), "unknown");
		has = version_in(path, parts[i][1], version);
		if (has < 0)
			exam_found(x, c, path, "missing", MPSHIM_VERSION);
		else if (strcmp(version, MPSHIM_VERSION) != 0)
			exam_found(x, c, path, version, MPSHIM_VERSION);
	}
}

/* --- Limits ----------------------------------------------------------------- */

static void
look_files(struct exam *x, const struct check *c)
{
	struct rlimit l;
	char is[24];

	if (getrlimit(RLIMIT_NOFILE, &l) != 0 || l.rlim_cur >= FILES)
		return;
	snprintf(is, sizeof(is), "%lu", (unsigned long)l.rlim_cur);
	exam_found(x, c, is, NULL, NULL);
}

static void
look_rmem(struct exam *x, const struct check *c)
{
	long most = host_number("/proc/sys/net/core/rmem_max");
	char is[24];

	if (most < 0 || most >= RMEM)
		return;
	snprintf(is, sizeof(is), "%ld", most);
	exam_found(x, c, is, NULL, NULL);
}

const struct check exam_own[] = {
	{ "config", look_config, EXAM_FAULT, "%1", "mpctl check-config" },
	{ "key-mode", look_modes, EXAM_FAULT, "%1 is readable by others",
	    "chmod 600 %1" },
	{ "key-owner", look_owners, EXAM_FAULT, "%1 belongs to another user",
	    "chown %2 %1" },
	{ "key-file", look_keys, EXAM_FAULT, "%1", NULL },
	{ "key-halves", look_halves, EXAM_FAULT,
	    "%1 and %2 are of one key: one of them belongs to the other host",
	    "rm %2" },
	{ "key-missing", look_missing, EXAM_FAULT, "there is no key %1",
	    "mpctl keygen %1" },
	{ "no-key", look_no_key, EXAM_FAULT, "there is no key",
	    "mpctl keygen NAME" },
	{ "runtime", look_runtime, EXAM_FAULT,
	    "%1 must be yours alone", "chmod 700 %1" },
	{ "agent", look_agent, EXAM_FAULT,
	    "%1 runs here, but this is mpctl %2: end the programs that run "
	    "under it, and start them anew", "mpctl status" },
	{ "installed", look_installed, EXAM_FAULT,
	    "%1: version %2; mpctl has %3: install all of one",
	    "make install" },
	{ "files", look_files, EXAM_FAULT,
	    "programs may open %1 files only, which is few", "ulimit -n 1024" },
	{ "rmem", look_rmem, EXAM_REMARK,
	    "receive buffers are small (rmem_max is %1): bursts are lost",
	    "sysctl -w net.core.rmem_max=212992" },
	{ .name = NULL },
};
