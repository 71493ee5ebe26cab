/* SPDX-License-Identifier: ISC */
#include "keyring_read.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mp.h"
#include "agent.h"
#include "journal.h"
#include "keeper_ipc.h"
#include "keyfile.h"
#include "keyring.h"
#include "peers.h"

/* A directory, and what its files say. */
struct keyring_dir {
	const char *path; /* with the slash at its end */
	bool searched; /* for names without a path */
	uint8_t secret[32];
	char *text; /* of its peers, or NULL */
	size_t len;
	int error; /* 0; else its peers cannot be used, because of `why' */
	char why[IPC_TEXT];
};

struct keyring_reading {
	struct agent *agent;
	struct keyring *ring;
	struct keyring_dir dir[KEYRING_DIRS];
	unsigned ndirs;
	bool all; /* every peer is wanted, and none was named */
	int error;
	char *why; /* of the first error */
};

/* --- Files ---------------------------------------------------------------- */

struct keyring_stamp
keyring_stamp_of(int fd)
{
	struct keyring_stamp is;
	struct stat st;

	memset(&is, 0, sizeof(is)); /* padding is compared, too */
	if (fstat(fd, &st) != 0)
		return is;
	is.inode = st.st_ino;
	is.links = st.st_nlink;
	is.size = st.st_size;
	is.changed = st.st_ctim;
	return is;
}

/* Keeps the descriptor, or closes it. */
static void
keyring_keep_file(struct keyring *r, int fd)
{
	struct keyring_file *f = &r->file[r->nfiles];

	if (r->nfiles == KEYRING_FILES) {
		close(fd);
		return;
	}
	f->fd = fd;
	f->read = f->seen = keyring_stamp_of(fd);
	r->nfiles++;
}

/* Has the keeper open DIR/NAME: a descriptor, or a negative errno. */
static int
keyring_open(struct agent *a, const char *dir, const char *name,
    char path[IPC_KEYS], char why[IPC_TEXT])
{
	struct keeper_ipc_request ask = { .kind = KEEPER_IPC_KEY };
	struct keeper_ipc_answer answer;
	int error, fd;

	why[0] = '\0';
	if (name[0] == '/')
		dir = "";
	if (snprintf(path, IPC_KEYS, "%s%s", dir, name) >= IPC_KEYS)
		return -ENAMETOOLONG;
	memcpy(ask.how.keys, path, strlen(path) + 1);
	error = keeper_ipc_call(a->channel, &ask, NULL, 0, &answer, &fd);
	memcpy(why, answer.text, IPC_TEXT);
	return error != 0 ? error : fd < 0 ? -EPROTO : fd;
}

static int
keyring_read_identity(struct keyring_reading *d, struct keyring_dir *dir)
{
	char path[IPC_KEYS];
	int error, fd;

	fd = keyring_open(d->agent, dir->path, "identity", path, dir->why);
	if (fd < 0)
		return fd;
	error = keyfile_secret(fd, path, dir->secret, dir->why);
	keyring_keep_file(d->ring, fd);
	return error;
}

static int
keyring_read_peers(struct keyring_reading *d, struct keyring_dir *dir)
{
	char path[IPC_KEYS];
	int error, fd;

	fd = keyring_open(d->agent, dir->path, "peers", path, dir->why);
	if (fd < 0)
		return fd;
	error = keyfile_peers(fd, PEERS_MAX, &dir->text, &dir->len);
	if (error != 0)
		snprintf(dir->why, IPC_TEXT, "%.200s: %s", path,
		    strerror(-error));
	keyring_keep_file(d->ring, fd);
	return error;
}

static void
keyring_read_dir(struct keyring_reading *d, struct keyring_dir *dir)
{
	char path[IPC_KEYS];
	int fd = keyring_open(d->agent, dir->path, "", path, dir->why);

	if (fd >= 0)
		keyring_keep_file(d->ring, fd);
	dir->error = fd < 0 ? fd : keyring_read_peers(d, dir);
	if (dir->error == 0)
		dir->error = keyring_read_identity(d, dir);
}

/* --- Peers ---------------------------------------------------------------- */

static int
keyring_read_psk(struct keyring_reading *d, const struct keyring_dir *dir,
    const char *file, uint8_t psk[32], char why[IPC_TEXT])
{
	char path[IPC_KEYS];
	int error, fd = keyring_open(d->agent, dir->path, file, path, why);

	if (fd < 0)
		return fd;
	error = keyfile_secret(fd, path, psk, why);
	close(fd);
	return error;
}

/* Room for twice as many peers. */
static int
keyring_grow(struct keyring *r)
{
	size_t size = mp_keyring_size(2 * r->keys->n), had = r->size;
	void *p, *old = r->block;
	int error;

	p = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return -ENOMEM;
	(void)mlock(p, size);
	(void)madvise(p, size, MADV_DONTDUMP);
	error = mp_keyring_grow(r->keys, p, size);
	if (error != 0) {
		munmap(p, size);
		return error;
	}
	r->block = p;
	r->size = size;
	if (old != NULL)
		munmap(old, had);
	return 0;
}

static int
keyring_add_key(struct keyring_reading *d, const struct keyring_dir *dir,
    const struct peer *peer, const uint8_t psk[32], char why[IPC_TEXT])
{
	struct mp_keyring *keys = d->ring->keys;
	int error = mp_keyring_add(keys, peer->name, dir->secret, peer->pub,
	    psk);
	unsigned i;

	if (error == MP_ENOMEM && keyring_grow(d->ring) == 0)
		error = mp_keyring_add(keys, peer->name, dir->secret,
		    peer->pub, psk);
	for (i = 0; error == 0 && i < peer->nat; i++)
		error = mp_keyring_reach(keys, peer->at[i].ip,
		    peer->at[i].bits);
	for (i = 0; error == 0 && i < peer->nfrom; i++)
		error = mp_keyring_from(keys, peer->from[i].ip,
		    peer->from[i].bits);
	if (error == 0)
		error = mp_keyring_most(keys, peer->sessions);
	if (error == MP_EEXIST) /* the same peer twice: the first counts */
		return 0;
	if (error == MP_EINVAL)
		snprintf(why, IPC_TEXT, "%.150speers: peer %s has our own key",
		    dir->path, peer->name);
	else if (error != 0)
		snprintf(why, IPC_TEXT, "no memory for more peers, or more "
		    "than %d addresses of them", MP_REACH_MAX);
	return error;
}

static int
keyring_add(struct keyring_reading *d, const struct keyring_dir *dir,
    const struct peer *peer, char why[IPC_TEXT])
{
	uint8_t psk[32] = { 0 };
	int error = 0;

	if (dir->error != 0) {
		memcpy(why, dir->why, IPC_TEXT);
		return dir->error;
	}
	if (peer->psk[0] != '\0')
		error = keyring_read_psk(d, dir, peer->psk, psk, why);
	if (error == 0)
		error = keyring_add_key(d, dir, peer, psk, why);
	sodium_memzero(psk, sizeof(psk));
	return error;
}

/* The first error is told: a peer that was named is not there. */
static void
keyring_note(struct keyring_reading *d, int error, const char *why)
{
	if (d->error != 0)
		return;
	d->error = error;
	snprintf(d->why, IPC_TEXT, "%s", why);
}

/* A fault that leaves the other peers in force. */
static void
keyring_say_line(const struct keyring_dir *dir, const struct peers *p)
{
	journal("%speers:%u: %s", dir->path, p->line, p->fault);
}

static void
keyring_add_all(struct keyring_reading *d, const struct keyring_dir *dir)
{
	char why[IPC_TEXT];
	struct peers p;
	struct peer peer;
	int more, error;

	if (dir->text == NULL || dir->error != 0)
		return;
	peers_begin(&p, dir->text, dir->len);
	while ((more = peers_next(&p, &peer)) != 0) {
		if (more < 0) {
			keyring_say_line(dir, &p);
			continue;
		}
		error = keyring_add(d, dir, &peer, why);
		if (error == 0)
			continue;
		snprintf(p.fault, sizeof(p.fault), "%.250s", why);
		keyring_say_line(dir, &p);
		if (error == MP_ENOMEM)
			break;
	}
}

/* Adds the peer of that name; false: the directory has none. */
static bool
keyring_add_named(struct keyring_reading *d, const struct keyring_dir *dir,
    const char *name)
{
	char why[IPC_TEXT];
	struct peers p;
	struct peer peer;
	bool found = false;
	int more, error;

	if (dir->text == NULL)
		return false;
	peers_begin(&p, dir->text, dir->len);
	while ((more = peers_find(&p, name, &peer)) != 0) {
		found = true;
		error = more < 0 ? more : keyring_add(d, dir, &peer, why);
		if (more < 0)
			snprintf(why, sizeof(why), "%.100speers:%u: %.120s",
			    dir->path, p.line, p.fault);
		if (error != 0)
			keyring_note(d, error, why);
	}
	return found;
}

/* --- What is wanted ------------------------------------------------------- */

/* The directory of a path, which is made one if it is not there yet; NULL: too
 * many. */
static struct keyring_dir *
keyring_dir_of(struct keyring_reading *d, const char *path)
{
	struct keyring_dir *dir;

	for (dir = d->dir; dir < d->dir + d->ndirs; dir++)
		if (strcmp(dir->path, path) == 0)
			return dir;
	if (d->ndirs == KEYRING_DIRS)
		return NULL;
	d->ndirs++;
	dir->path = path;
	keyring_read_dir(d, dir);
	return dir;
}

/* A directory that is not there is no fault, as long as another is. */
static void
keyring_note_unreadable(struct keyring_reading *d)
{
	const struct keyring_dir *dir;

	for (dir = d->dir; dir < d->dir + d->ndirs; dir++)
		if (dir->error != 0 && dir->error != -ENOENT)
			keyring_note(d, dir->error, dir->why);
}

static void
keyring_want(struct keyring_reading *d, const char *name)
{
	struct keyring_dir *dir;
	char why[IPC_TEXT];
	bool found = false;

	for (dir = d->dir; dir < d->dir + d->ndirs && !found; dir++) {
		if (!dir->searched)
			continue;
		if (strcmp(name, "*") == 0)
			keyring_add_all(d, dir);
		else
			found = keyring_add_named(d, dir, name);
	}
	if (found || strcmp(name, "*") == 0)
		return;
	keyring_note_unreadable(d);
	snprintf(why, sizeof(why), "no peer %.100s: mpctl pair %.100s "
	    "ME@SERVER makes it known", name, name);
	keyring_note(d, -ENOENT, why);
}

/* A peer by the path of its directory; cuts the line. */
static void
keyring_want_there(struct keyring_reading *d, char *line, char *dir_path)
{
	char *name = strrchr(line, '/') + 1;
	struct keyring_dir *dir;
	char why[IPC_TEXT];

	memcpy(dir_path, line, (size_t)(name - line));
	dir_path[name - line] = '\0';
	dir = keyring_dir_of(d, dir_path);
	if (dir == NULL)
		keyring_note(d, -E2BIG, "too many directories of keys");
	else if (strcmp(name, "*") == 0 && dir->error == 0)
		keyring_add_all(d, dir);
	else if (dir->error != 0)
		keyring_note(d, dir->error, dir->why);
	else if (!keyring_add_named(d, dir, name)) {
		snprintf(why, sizeof(why), "%.120speers has no %.100s",
		    dir_path, name);
		keyring_note(d, -ENOENT, why);
	}
}

static void
keyring_say_none(struct keyring_reading *d)
{
	const struct keyring_dir *dir;

	keyring_note_unreadable(d);
	for (dir = d->dir; dir < d->dir + d->ndirs; dir++)
		if (dir->error != 0 && dir->text != NULL)
			keyring_note(d, dir->error, dir->why);
	keyring_note(d, -ENOENT, "no peer is known: mpctl pair ME@SERVER makes "
	    "one known");
}

int
keyring_read(struct agent *a, struct keyring *ring, char why[IPC_TEXT])
{
	static struct keyring_reading d;
	static char copy[2][IPC_KEYS];
	char *rest = copy[0], *line, *paths = copy[1];
	struct keyring_dir *dir;
	char none[IPC_TEXT] = ""; /* copied whole, to whoever asked */

	memset(&d, 0, sizeof(d));
	d.agent = a;
	d.ring = ring;
	d.all = true;
	d.why = none;
	memcpy(rest, ring->files, IPC_KEYS);
	while ((line = strsep(&rest, "\n")) != NULL) {
		if (line[0] == '\0')
			continue;
		d.all &= line[strlen(line) - 1] == '/' ||
		    strcmp(line, "*") == 0;
		if (line[strlen(line) - 1] == '/') {
			dir = keyring_dir_of(&d, line);
			if (dir != NULL)
				dir->searched = true;
		} else if (line[0] == '/') {
			keyring_want_there(&d, line, paths);
			paths += strlen(paths) + 1;
		} else
			keyring_want(&d, line);
	}
	if (ring->keys->n == 0)
		keyring_say_none(&d);
	mp_keyring_rest(ring->keys, !d.all);
	for (dir = d.dir; dir < d.dir + d.ndirs; dir++) {
		free(dir->text);
		sodium_memzero(dir, sizeof(*dir));
	}
	if (d.error != 0)
		memcpy(why, none, IPC_TEXT);
	return d.error;
}
