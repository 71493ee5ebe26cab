/* SPDX-License-Identifier: ISC */
/* mpctl doctor: reads the key files of the user and of the system, and checks
 * them. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exam.h"
#include "mp.h"
#include "agent/keyfile.h"
#include "policy/settings.h"
#include "shared/ipc.h"

static struct key {
	char path[PATH_MAX];
	struct keyfile is;
} *keys;
static size_t nkeys;

static bool
exam_is_key_name(const char *name)
{
	size_t len = strlen(name);

	return len > 4 && strcmp(name + len - 4, ".key") == 0;
}

/* Reads a key file into the list, or reports why it cannot be used. */
static void
exam_add_key(struct exam *x, const struct check *c, const char *path)
{
	struct key *k, *more;
	char why[IPC_TEXT];
	int fd = keyfile_open(path, why);

	if (fd == -EACCES && access(path, R_OK) != 0)
		return; /* a key of the system, for others */
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

/* The tests of one file.  exam_test_file() leaves wrong modes and owners to the
 * other two, whose findings have the command that mends it. */

static void
exam_test_mode(struct exam *x, const struct check *c, const char *path)
{
	struct stat st;

	if (lstat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	    (st.st_mode & 077) != 0)
		exam_found(x, c, path, NULL, NULL);
}

static void
exam_test_owner(struct exam *x, const struct check *c, const char *path)
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
exam_test_file(struct exam *x, const struct check *c, const char *path)
{
	struct stat st;

	if (lstat(path, &st) != 0 || (S_ISREG(st.st_mode) &&
	    ((st.st_mode & 077) != 0 ||
		(st.st_uid != geteuid() && st.st_uid != 0))))
		return;
	exam_add_key(x, c, path);
}

static void
exam_each_key_in(struct exam *x, const struct check *c, const char *dir,
    void (*test)(struct exam *, const struct check *, const char *))
{
	char path[PATH_MAX];
	struct dirent *e;
	DIR *d = opendir(dir);

	while (d != NULL && (e = readdir(d)) != NULL)
		if (exam_is_key_name(e->d_name) && snprintf(path, sizeof(path),
		    "%s/%s", dir, e->d_name) < (int)sizeof(path))
			test(x, c, path);
	if (d != NULL)
		closedir(d);
}

static void
exam_each_key(struct exam *x, const struct check *c,
    void (*test)(struct exam *, const struct check *, const char *))
{
	const char *home = settings_home(environ);
	char dir[PATH_MAX];

	if (home != NULL && snprintf(dir, sizeof(dir),
	    "%s/.config/mpshim/keys", home) < (int)sizeof(dir))
		exam_each_key_in(x, c, dir, test);
	exam_each_key_in(x, c, "/etc/mpshim/keys", test);
}

static void
exam_check_key_modes(struct exam *x, const struct check *c)
{
	exam_each_key(x, c, exam_test_mode);
}

static void
exam_check_key_owners(struct exam *x, const struct check *c)
{
	exam_each_key(x, c, exam_test_owner);
}

static void
exam_check_key_files(struct exam *x, const struct check *c)
{
	char list[IPC_KEYS], *word, *rest;

	exam_each_key(x, c, exam_test_file);
	memcpy(list, x->settings.keys, sizeof(list));
	for (word = strtok_r(list, " ", &rest); word != NULL;
	    word = strtok_r(NULL, " ", &rest))
		if (word[0] == '/')
			exam_add_key(x, c, word);
}

/* Is the second file of the peer of the first? */
static bool
exam_is_peer(const struct keyfile *k, const struct keyfile *other)
{
	uint8_t pub[32];

	mp_keyring_public(pub, other->secret);
	return sodium_memcmp(k->peer, pub, sizeof(pub)) == 0;
}

/* The files of both hosts on one are a mistake; the same file twice is not: root
 * may have a copy in /etc. */
static void
exam_check_key_halves(struct exam *x, const struct check *c)
{
	size_t i, k;

	for (i = 0; i < nkeys; i++)
		for (k = i + 1; k < nkeys; k++)
			if (exam_is_peer(&keys[i].is, &keys[k].is))
				exam_found(x, c, keys[i].path, keys[k].path,
				    NULL);
}

/* A name in the settings without a file. */
static void
exam_check_missing_keys(struct exam *x, const struct check *c)
{
	char list[IPC_KEYS], path[PATH_MAX], *word, *rest;
	const char *home = settings_home(environ);
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
exam_check_no_key(struct exam *x, const struct check *c)
{
	if (nkeys == 0 && x->settings.keys[0] == '\0' && x->nfound == 0)
		exam_found(x, c, NULL, NULL, NULL);
}

/* Do the settings name the key, or none at all, so that every key is used? */
static bool
exam_key_is_wanted(const struct settings *s, const struct key *k)
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
exam_count_keys(void)
{
	return nkeys;
}

bool
exam_make_keyring(const struct exam *x, size_t i, struct mp_keyring *ring)
{
	const struct keyfile *k = &keys[i].is;

	memset(ring, 0, sizeof(*ring));
	return exam_key_is_wanted(&x->settings, &keys[i]) &&
	    mp_keyring_add(ring, k->name, k->secret, k->peer, k->psk) == 0;
}

void
exam_wipe_keys(void)
{
	if (keys != NULL)
		sodium_memzero(keys, nkeys * sizeof(*keys));
	free(keys);
	keys = NULL;
	nkeys = 0;
}

const struct check exam_key[] = {
	{ "key-mode", exam_check_key_modes, EXAM_FAULT,
	    "%1 is readable by others", "chmod 600 %1" },
	{ "key-owner", exam_check_key_owners, EXAM_FAULT,
	    "%1 belongs to another user", "chown %2 %1" },
	{ "key-file", exam_check_key_files, EXAM_FAULT, "%1", NULL },
	{ "key-halves", exam_check_key_halves, EXAM_FAULT,
	    "%1 and %2 are of one key: one of them belongs to the other host",
	    "rm %2" },
	{ "key-missing", exam_check_missing_keys, EXAM_FAULT,
	    "there is no key %1", "mpctl keygen %1" },
	{ "no-key", exam_check_no_key, EXAM_FAULT, "there is no key",
	    "mpctl keygen NAME" },
	{ .name = NULL },
};
