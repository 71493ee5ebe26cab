/* SPDX-License-Identifier: ISC */
#include "keyring.h"

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
#include "keeper_ipc.h"
#include "keyfile.h"
#include "shared/arena.h"

static struct keyring *
keyring_new(const char files[IPC_KEYS])
{
	struct keyring *r = calloc(1, sizeof(*r));
	void *p;

	if (r == NULL)
		return NULL;
	p = mmap(NULL, sizeof(*r->keys), PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED) {
		free(r);
		return NULL;
	}
	(void)mlock(p, sizeof(*r->keys)); /* as far as the limit allows */
	(void)madvise(p, sizeof(*r->keys), MADV_DONTDUMP);
	r->keys = p;
	r->keys->random = randombytes_buf;
	memcpy(r->files, files, IPC_KEYS);
	return r;
}

static void
keyring_unmap(void *p, size_t size)
{
	if (p != NULL)
		munmap(p, size);
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
	keyring_unmap(old, had);
	return 0;
}

/* --- Its files ------------------------------------------------------------ */

static void
keyring_close_files(struct keyring *r)
{
	while (r->nfiles > 0)
		close(r->file[--r->nfiles].fd);
}

/* Keeps the descriptor, or closes it. */
static void
keyring_keep_file(struct keyring *r, int fd)
{
	struct keyring_file *f = &r->file[r->nfiles];
	struct stat st;

	if (r->nfiles == MP_KEYS_MAX || fstat(fd, &st) != 0) {
		close(fd);
		return;
	}
	*f = (struct keyring_file) { .fd = fd, .inode = st.st_ino,
		.size = st.st_size, .changed = st.st_ctim };
	r->nfiles++;
}

/* The change of a file's name counts as one of the file. */
static bool
keyring_file_changed(const struct keyring_file *f)
{
	struct stat st;

	return fstat(f->fd, &st) != 0 || st.st_nlink == 0 ||
	    st.st_ino != f->inode || st.st_size != f->size ||
	    st.st_ctim.tv_sec != f->changed.tv_sec ||
	    st.st_ctim.tv_nsec != f->changed.tv_nsec;
}

/* Are the files as they were when they were read, not long ago? */
static bool
keyring_is_fresh(const struct keyring *r)
{
	unsigned i;

	if (r->nfiles == 0 || arena_now() - r->read_at > KEYRING_FRESH_US)
		return false;
	for (i = 0; i < r->nfiles; i++)
		if (keyring_file_changed(&r->file[i]))
			return false;
	return true;
}

/* --- Reading -------------------------------------------------------------- */

static void
keyring_free(struct keyring *r)
{
	keyring_close_files(r);
	mp_keyring_wipe(r->keys);
	keyring_unmap(r->block, r->size);
	munmap(r->keys, sizeof(*r->keys));
	free(r);
}

/* In more memory, where there is no room. */
static int
keyring_add_key(struct keyring *r, const struct keyfile *k)
{
	int error = mp_keyring_add(r->keys, k->name, k->secret, k->peer,
	    k->psk);

	if (error == MP_ENOMEM && keyring_grow(r) == 0)
		error = mp_keyring_add(r->keys, k->name, k->secret, k->peer,
		    k->psk);
	return error;
}

static int
keyring_add_file(struct agent *a, struct keyring *r, const char *path,
    char why[IPC_TEXT])
{
	struct keeper_ipc_request ask = { .kind = KEEPER_IPC_KEY };
	struct keeper_ipc_answer answer;
	struct keyfile k;
	int error, fd;

	snprintf(ask.how.keys, sizeof(ask.how.keys), "%s", path);
	error = keeper_ipc_call(a->channel, &ask, NULL, 0, &answer, &fd);
	memcpy(why, answer.text, IPC_TEXT);
	if (error != 0)
		return error;
	if (fd < 0)
		return -EPROTO;
	error = keyfile_read(fd, path, &k, why);
	keyring_keep_file(r, fd);
	if (error != 0)
		return error;
	error = keyring_add_key(r, &k);
	sodium_memzero(&k, sizeof(k));
	if (error == MP_EEXIST) /* the same key twice: harmless */
		return 0;
	if (error == MP_EINVAL)
		snprintf(why, IPC_TEXT, "%s: its name has more than letters, "
		    "digits, dots, dashes, underscores, or it is of one end "
		    "alone", path);
	else if (error != 0)
		snprintf(why, IPC_TEXT, "no memory for more keys");
	return error;
}

static int
keyring_add_all(struct agent *a, struct keyring *r, char why[IPC_TEXT])
{
	char files[IPC_KEYS], *rest = files, *path;
	int error;

	memcpy(files, r->files, sizeof(files));
	while ((path = strsep(&rest, "\n")) != NULL) {
		if (path[0] == '\0')
			continue;
		error = keyring_add_file(a, r, path, why);
		if (error != 0)
			return error;
	}
	if (r->keys->n > 0)
		return 0;
	snprintf(why, IPC_TEXT, "no key: make one with mpctl keygen");
	return -ENOENT;
}

static struct keyring *
keyring_find_files(struct agent *a, const char *files)
{
	struct keyring *r;

	LIST_FOREACH(r, &a->rings, entry)
		if (strcmp(r->files, files) == 0)
			return r;
	return NULL;
}

/* A file may have changed since, so the keys themselves are compared. */
static struct keyring *
keyring_find_same(struct agent *a, const struct keyring *new)
{
	struct keyring *r;

	LIST_FOREACH(r, &a->rings, entry)
		if (sodium_memcmp(r->keys, new->keys, sizeof(*r->keys)) == 0)
			return r;
	return NULL;
}

/* The files of `is' were read anew. */
static void
keyring_renew(struct keyring *is, struct keyring *new)
{
	keyring_close_files(is);
	memcpy(is->file, new->file, sizeof(is->file));
	is->nfiles = new->nfiles;
	is->read_at = new->read_at;
	new->nfiles = 0;
}

/* Gives this keyring, or the same one of another port. */
static void
keyring_share(struct agent *a, struct keyring *r, struct keyring **ring)
{
	struct keyring *same = keyring_find_same(a, r);

	if (same != NULL) {
		if (strcmp(same->files, r->files) == 0)
			keyring_renew(same, r);
		keyring_free(r);
		r = same;
	} else
		LIST_INSERT_HEAD(&a->rings, r, entry);
	r->users++;
	*ring = r;
}

int
keyring_get(struct agent *a, const char files[IPC_KEYS], struct keyring **ring,
    char why[IPC_TEXT])
{
	struct keyring *r;
	int error;

	r = keyring_find_files(a, files);
	if (r != NULL && (a->channel < 0 || keyring_is_fresh(r))) {
		r->users++;
		*ring = r;
		return 0;
	}
	r = keyring_new(files);
	if (r == NULL)
		return -ENOMEM;
	r->read_at = arena_now();
	error = keyring_add_all(a, r, why);
	if (error == 0)
		keyring_share(a, r, ring);
	else
		keyring_free(r);
	return error;
}

int
keyring_none(struct agent *a, struct keyring **ring)
{
	static const char no_files[IPC_KEYS];
	struct keyring *r = keyring_new(no_files);

	if (r == NULL)
		return -ENOMEM;
	keyring_share(a, r, ring);
	return 0;
}

void
keyring_put(struct keyring *r)
{
	if (r == NULL || --r->users > 0 || keyring_is_fresh(r))
		return;
	LIST_REMOVE(r, entry);
	keyring_free(r);
}

void
keyring_tidy(struct agent *a)
{
	struct keyring *r, *next;

	LIST_FOREACH_SAFE(r, &a->rings, entry, next) {
		if (r->users > 0 || (a->nports > 0 && keyring_is_fresh(r)))
			continue;
		LIST_REMOVE(r, entry);
		keyring_free(r);
	}
}

const char *
keyring_name(const struct keyring *r, uint64_t key_id)
{
	const struct mp_key *k = key_id != 0 ?
	    mp_keyring_find(r->keys, key_id) : NULL;

	return k != NULL ? k->name : "";
}
