/* SPDX-License-Identifier: ISC */
#include "keyring.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mp.h"
#include "agent.h"
#include "journal.h"
#include "keyring_read.h"
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

/* --- Its files ------------------------------------------------------------ */

static void
keyring_close_files(struct keyring *r)
{
	while (r->nfiles > 0)
		close(r->file[--r->nfiles].fd);
}

/* The change of a file's name counts as one of the file. */
static bool
keyring_file_changed(const struct keyring_file *f)
{
	struct keyring_stamp is = keyring_stamp_of(f->fd);

	return is.links == 0 || memcmp(&is, &f->read, sizeof(is)) != 0;
}

static bool
keyring_changed(const struct keyring *r)
{
	unsigned i;

	for (i = 0; i < r->nfiles; i++)
		if (keyring_file_changed(&r->file[i]))
			return true;
	return r->nfiles == 0;
}

/* Are the files as they were at the last look? */
static bool
keyring_settled(struct keyring *r)
{
	struct keyring_stamp is;
	bool settled = true;
	unsigned i;

	for (i = 0; i < r->nfiles; i++) {
		is = keyring_stamp_of(r->file[i].fd);
		settled &= memcmp(&is, &r->file[i].seen, sizeof(is)) == 0;
		r->file[i].seen = is;
	}
	return settled;
}

/* Are the files as they were when they were read, not long ago? */
static bool
keyring_is_fresh(const struct keyring *r)
{
	return arena_now() - r->read_at <= KEYRING_FRESH_US +
	    KEYRING_COST * r->took_us &&
	    !keyring_changed(r);
}

/* --- Reading -------------------------------------------------------------- */

static void
keyring_free(struct keyring *r)
{
	keyring_close_files(r);
	mp_keyring_wipe(r->keys);
	if (r->block != NULL)
		munmap(r->block, r->size);
	munmap(r->keys, sizeof(*r->keys));
	free(r);
}

/* Have both the same peers, in the same order? */
static bool
keyring_same(const struct mp_keyring *a, const struct mp_keyring *b)
{
	const struct mp_key *k, *l;
	uint32_t i;

	if (a->n != b->n || a->n_own != b->n_own || a->rest != b->rest ||
	    a->n_reach != b->n_reach ||
	    memcmp(a->reach, b->reach, sizeof(a->reach)) != 0)
		return false;
	for (i = 0; i < a->n; i++) {
		k = mp_keyring_at(a, i);
		l = mp_keyring_at(b, i);
		if (k->id != l->id || k->own != l->own ||
		    strcmp(k->name, l->name) != 0 ||
		    sodium_memcmp(k->psk, l->psk, sizeof(k->psk)) != 0 ||
		    k->most != l->most || k->nfrom != l->nfrom ||
		    memcmp(k->from, l->from, sizeof(k->from)) != 0)
			return false;
	}
	return true;
}

/* The keyring gets what was read anew for it. */
static void
keyring_renew(struct keyring *is, struct keyring *new)
{
	struct mp_keyring *keys = is->keys;
	void *block = is->block;
	size_t size = is->size;

	keyring_close_files(is);
	memcpy(is->file, new->file, sizeof(is->file));
	is->nfiles = new->nfiles;
	is->read_at = new->read_at;
	is->took_us = new->took_us;
	is->failed = false;
	new->nfiles = 0;
	if (keyring_same(keys, new->keys))
		return;
	is->renewed = true;
	is->keys = new->keys;
	new->keys = keys;
	is->block = new->block;
	is->size = new->size;
	new->block = block;
	new->size = size;
}

static struct keyring *
keyring_find(struct agent *a, const char *files)
{
	struct keyring *r;

	LIST_FOREACH(r, &a->rings, entry)
		if (strcmp(r->files, files) == 0)
			return r;
	return NULL;
}

static int
keyring_use(struct keyring *r, struct keyring **ring)
{
	r->users++;
	*ring = r;
	return 0;
}

int
keyring_get(struct agent *a, const char files[IPC_KEYS], struct keyring **ring,
    char why[IPC_TEXT])
{
	struct keyring *r = keyring_find(a, files), *new;
	int error;

	if (r != NULL && (a->channel < 0 || keyring_is_fresh(r)))
		return keyring_use(r, ring);
	new = keyring_new(files);
	if (new == NULL)
		return -ENOMEM;
	new->read_at = arena_now();
	error = keyring_read(a, new, why);
	new->took_us = arena_now() - new->read_at;
	if (error == 0 && r != NULL)
		keyring_renew(r, new);
	if (error != 0 || r != NULL)
		keyring_free(new);
	else {
		r = new;
		LIST_INSERT_HEAD(&a->rings, r, entry);
	}
	return error != 0 ? error : keyring_use(r, ring);
}

int
keyring_none(struct agent *a, struct keyring **ring)
{
	static const char no_files[IPC_KEYS];
	struct keyring *r = keyring_find(a, no_files);

	if (r == NULL) {
		r = keyring_new(no_files);
		if (r == NULL)
			return -ENOMEM;
		LIST_INSERT_HEAD(&a->rings, r, entry);
	}
	return keyring_use(r, ring);
}

/*
 * Its files changed.  A file may be missing for a moment while an editor
 * replaces it, so it counts as empty only when it is missing at the next look,
 * too.
 */
static void
keyring_read_again(struct agent *a, struct keyring *r)
{
	struct keyring *new = keyring_new(r->files);
	char why[IPC_TEXT] = "";
	int error;

	if (new == NULL)
		return;
	new->read_at = arena_now();
	error = keyring_read(a, new, why);
	new->took_us = arena_now() - new->read_at;
	if (error != 0 && !r->failed) {
		r->failed = true;
	} else {
		if (error != 0)
			journal("no keys any more: %s", why);
		keyring_renew(r, new);
	}
	keyring_free(new);
}

bool
keyring_look(struct agent *a, struct keyring *r)
{
	bool renewed;

	if (r->files[0] == '\0')
		return false;
	if (a->channel >= 0 && keyring_changed(r) && keyring_settled(r))
		keyring_read_again(a, r);
	renewed = r->renewed;
	r->renewed = false;
	return renewed;
}

/* --- The end -------------------------------------------------------------- */

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
