/* SPDX-License-Identifier: ISC */
/* mpctl doctor: reads identity and peers of the user and of the system, and
 * checks them. */
#include <errno.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exam.h"
#include "keydir.h"
#include "mp.h"
#include "agent/keyfile.h"
#include "agent/peers.h"
#include "policy/settings.h"
#include "shared/ipc.h"

enum { EXAM_KEYS = 1024 }; /* peers that are looked at one by one */

static struct keydir dirs[KEYDIRS];

static struct key {
	const struct keydir *dir;
	struct peer is;
	uint8_t psk[32];
} *keys;
static size_t nkeys;

static void
exam_read_keys(void)
{
	size_t i;

	(void)keydir_user(&dirs[0]);
	keydir_system(&dirs[1]);
	for (i = 0; i < KEYDIRS; i++)
		keydir_read(&dirs[i]);
}

/* --- Files ---------------------------------------------------------------- */

/* Calls test() with each file of keys that there is. */
static void
exam_each_file(struct exam *x, const struct check *c,
    void (*test)(struct exam *, const struct check *, const char *,
	const struct stat *))
{
	static const char *const name[] = { "identity", "peers" };
	char path[PATH_MAX];
	struct stat st;
	size_t i, k;

	for (i = 0; i < KEYDIRS; i++)
		for (k = 0; k < 2; k++) {
			if (dirs[i].path[0] == '\0' ||
			    !keydir_file(&dirs[i], name[k], path) ||
			    lstat(path, &st) != 0)
				continue;
			test(x, c, path, &st);
		}
	for (i = 0; i < nkeys; i++) {
		if (keys[i].is.psk[0] == '\0' || snprintf(path, sizeof(path),
		    "%s%s", keys[i].is.psk[0] == '/' ? "" : keys[i].dir->path,
		    keys[i].is.psk) >= (int)sizeof(path) ||
		    lstat(path, &st) != 0)
			continue;
		test(x, c, path, &st);
	}
}

static void
exam_test_mode(struct exam *x, const struct check *c, const char *path,
    const struct stat *st)
{
	if (S_ISREG(st->st_mode) && keyfile_kind_of(path) != KEYFILE_PEERS &&
	    (st->st_mode & 077) != 0)
		exam_found(x, c, path, NULL, NULL);
}

static void
exam_test_writable(struct exam *x, const struct check *c, const char *path,
    const struct stat *st)
{
	if (S_ISREG(st->st_mode) && keyfile_kind_of(path) == KEYFILE_PEERS &&
	    (st->st_mode & 022) != 0)
		exam_found(x, c, path, NULL, NULL);
}

static void
exam_test_owner(struct exam *x, const struct check *c, const char *path,
    const struct stat *st)
{
	char uid[16];

	if (!S_ISREG(st->st_mode) || st->st_uid == geteuid() ||
	    st->st_uid == 0)
		return;
	snprintf(uid, sizeof(uid), "%u", geteuid());
	exam_found(x, c, path, uid, NULL);
}

/* The list of peers is made here, for all checks. */
static void
exam_check_key_modes(struct exam *x, const struct check *c)
{
	struct peers p;
	struct peer peer;
	size_t i;
	int more;

	exam_read_keys();
	keys = calloc(EXAM_KEYS, sizeof(*keys));
	for (i = 0; keys != NULL && i < KEYDIRS; i++) {
		if (dirs[i].text == NULL || dirs[i].identity_error != 0)
			continue;
		peers_begin(&p, dirs[i].text, dirs[i].len);
		while (nkeys < EXAM_KEYS &&
		    (more = peers_next(&p, &peer)) != 0)
			if (more > 0) {
				keys[nkeys].dir = &dirs[i];
				keys[nkeys++].is = peer;
			}
	}
	exam_each_file(x, c, exam_test_mode);
}

static void
exam_check_writable(struct exam *x, const struct check *c)
{
	exam_each_file(x, c, exam_test_writable);
}

static void
exam_check_key_owners(struct exam *x, const struct check *c)
{
	exam_each_file(x, c, exam_test_owner);
}

/* Other faults of a file.  Wrong modes and owners are found above, with the
 * command that mends them; and the secrets of the system are for root. */
static bool
exam_is_other_fault(int error)
{
	return error != 0 && error != -ENOENT && error != -EACCES;
}

static void
exam_check_key_files(struct exam *x, const struct check *c)
{
	char why[IPC_TEXT];
	size_t i;
	int error;

	for (i = 0; i < KEYDIRS; i++) {
		if (exam_is_other_fault(dirs[i].identity_error))
			exam_found(x, c, dirs[i].identity_why, NULL, NULL);
		if (exam_is_other_fault(dirs[i].peers_error))
			exam_found(x, c, dirs[i].peers_why, NULL, NULL);
	}
	for (i = 0; i < nkeys; i++) {
		error = keydir_psk(keys[i].dir, &keys[i].is, keys[i].psk, why);
		if (error == -ENOENT || exam_is_other_fault(error))
			exam_found(x, c, why, NULL, NULL);
	}
}

/* Peers without an identity of ours. */
static void
exam_check_identity(struct exam *x, const struct check *c)
{
	size_t i;

	for (i = 0; i < KEYDIRS; i++)
		if (dirs[i].identity_error == -ENOENT && dirs[i].len > 0)
			exam_found(x, c, dirs[i].path, i == 0 ? "" :
			    " --system", NULL);
}

/* --- Lines ---------------------------------------------------------------- */

static void
exam_check_lines(struct exam *x, const struct check *c)
{
	char where[EXAM_TEXT];
	struct peers p;
	struct peer peer;
	size_t i;
	int more;

	for (i = 0; i < KEYDIRS; i++) {
		if (dirs[i].text == NULL)
			continue;
		peers_begin(&p, dirs[i].text, dirs[i].len);
		while (x->nfound < EXAM_FOUND / 2 &&
		    (more = peers_next(&p, &peer)) != 0) {
			if (more > 0)
				continue;
			snprintf(where, sizeof(where), "%.200speers:%u",
			    dirs[i].path, p.line);
			exam_found(x, c, where, p.fault, NULL);
		}
	}
}

static void
exam_check_own(struct exam *x, const struct check *c)
{
	uint8_t pub[32];
	size_t i;

	for (i = 0; i < nkeys; i++) {
		mp_keyring_public(pub, keys[i].dir->secret);
		if (memcmp(pub, keys[i].is.pub, 32) == 0)
			exam_found(x, c, keys[i].is.name, NULL, NULL);
	}
}

static void
exam_check_old(struct exam *x, const struct check *c)
{
	size_t i;

	for (i = 0; i < KEYDIRS; i++)
		if (keydir_is_old(&dirs[i]))
			exam_found(x, c, dirs[i].path, NULL, NULL);
}

/* Is it a key's word of the settings? */
static bool
exam_is_named(const struct key *k, const char *word)
{
	const char *slash = strrchr(word, '/');

	if (strcmp(word, "*") == 0)
		return true;
	if (slash != NULL && strncmp(word, k->dir->path,
	    (size_t)(slash - word) + 1) != 0)
		return false;
	return strcmp(slash != NULL ? slash + 1 : word, k->is.name) == 0;
}

/* A name in the settings without a line. */
static void
exam_check_missing_keys(struct exam *x, const struct check *c)
{
	char list[IPC_KEYS], *word, *rest;
	size_t i;

	memcpy(list, x->settings.keys, sizeof(list));
	for (word = strtok_r(list, " ", &rest); word != NULL;
	    word = strtok_r(NULL, " ", &rest)) {
		for (i = 0; i < nkeys && !exam_is_named(&keys[i], word); i++)
			continue;
		/* Other directories than those two are not looked at. */
		if (i == nkeys && word[0] != '/' && nkeys < EXAM_KEYS)
			exam_found(x, c, word, NULL, NULL);
	}
}

static void
exam_check_no_key(struct exam *x, const struct check *c)
{
	if (nkeys == 0 && x->settings.keys[0] == '\0' && x->nfound == 0)
		exam_found(x, c, NULL, NULL, NULL);
}

/* --- Keys for a talk ------------------------------------------------------ */

/* Do the settings name the key, or none at all, so that every key is used? */
static bool
exam_key_is_wanted(const struct settings *s, const struct key *k)
{
	char list[IPC_KEYS], *word, *rest;

	memcpy(list, s->keys, sizeof(list));
	for (word = strtok_r(list, " ", &rest); word != NULL;
	    word = strtok_r(NULL, " ", &rest))
		if (exam_is_named(k, word))
			return true;
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
	const struct key *k = &keys[i];

	memset(ring, 0, sizeof(*ring));
	return exam_key_is_wanted(&x->settings, k) &&
	    mp_keyring_add(ring, k->is.name, k->dir->secret, k->is.pub,
		k->psk) == 0;
}

bool
exam_has_peer_at(const struct exam *x, const struct mp_addr *a)
{
	static struct mp_keyring ring;
	const struct key *k;
	unsigned i;
	bool has;

	if (x->settings.keys[0] != '\0' && strcmp(x->settings.keys, "*") != 0)
		return true; /* the first that is named */
	memset(&ring, 0, sizeof(ring));
	for (k = keys; k < keys + nkeys; k++) {
		if (mp_keyring_add(&ring, k->is.name, k->dir->secret,
			k->is.pub, NULL) != 0)
			continue;
		for (i = 0; i < k->is.nat; i++)
			if (mp_keyring_reach(&ring, k->is.at[i].ip,
				k->is.at[i].bits) != 0)
				break;
	}
	mp_keyring_rest(&ring, false);
	has = mp_keyring_choose(&ring, a) != 0;
	mp_keyring_wipe(&ring);
	return has;
}

void
exam_wipe_keys(void)
{
	size_t i;

	if (keys != NULL)
		sodium_memzero(keys, EXAM_KEYS * sizeof(*keys));
	free(keys);
	keys = NULL;
	nkeys = 0;
	for (i = 0; i < KEYDIRS; i++)
		keydir_end(&dirs[i]);
}

const struct check exam_key[] = {
	{ "key-mode", exam_check_key_modes, EXAM_FAULT,
	    "%1 is readable by others", "chmod 600 %1" },
	{ "peers-mode", exam_check_writable, EXAM_FAULT,
	    "%1 is writable by others", "chmod go-w %1" },
	{ "key-owner", exam_check_key_owners, EXAM_FAULT,
	    "%1 belongs to another user", "chown %2 %1" },
	{ "key-file", exam_check_key_files, EXAM_FAULT, "%1", NULL },
	{ "identity", exam_check_identity, EXAM_FAULT,
	    "%1identity is missing, so the peers there are of no use",
	    "mpctl identity%2" },
	{ "peer-line", exam_check_lines, EXAM_FAULT, "%1: %2", NULL },
	{ "own-key", exam_check_own, EXAM_FAULT,
	    "peer %1 has this host's own key", "mpctl remove-peer %1" },
	{ "old-keys", exam_check_old, EXAM_FAULT,
	    "%1keys/ has keys of an earlier mpshim, which are of no use",
	    "mpctl pair ME@SERVER" },
	{ "key-missing", exam_check_missing_keys, EXAM_FAULT,
	    "there is no peer %1", "mpctl pair %1 ME@SERVER" },
	{ "no-key", exam_check_no_key, EXAM_FAULT, "no peer is known",
	    "mpctl pair ME@SERVER" },
	{ .name = NULL },
};
