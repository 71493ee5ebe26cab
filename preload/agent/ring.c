/* SPDX-License-Identifier: ISC */
#include "ring.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent.h"
#include "hold.h"
#include "keyfile.h"

static struct ring *
ring_new(const char files[IPC_KEYS])
{
	struct ring *r = calloc(1, sizeof(*r));
	void *p;

	if (r == NULL)
		return NULL;
	p = mmap(NULL, sizeof(*r->keys), PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED) {
		free(r);
		return NULL;
	}
	(void)mlock(p, sizeof(*r->keys)); /* where the limit allows it */
	(void)madvise(p, sizeof(*r->keys), MADV_DONTDUMP);
	r->keys = p;
	memcpy(r->files, files, IPC_KEYS);
	return r;
}

static void
ring_free(struct ring *r)
{
	mp_keyring_wipe(r->keys);
	munmap(r->keys, sizeof(*r->keys));
	free(r);
}

static int
add_file(struct agent *a, struct ring *r, const char *path,
    char why[IPC_TEXT])
{
	struct hold_ask ask = { .kind = HOLD_KEY };
	struct hold_answer answer;
	struct keyfile k;
	int error, fd;

	snprintf(ask.how.keys, sizeof(ask.how.keys), "%s", path);
	error = hold_ask(a->channel, &ask, NULL, 0, &answer, &fd);
	memcpy(why, answer.text, IPC_TEXT);
	if (error != 0)
		return error;
	if (fd < 0)
		return -EPROTO;
	error = keyfile_read(fd, path, &k, why);
	close(fd);
	if (error != 0)
		return error;
	error = mp_keyring_add(r->keys, k.name, k.end, k.secret);
	sodium_memzero(&k, sizeof(k));
	if (error == MP_EEXIST) /* twice the same: harmless */
		return 0;
	if (error == MP_EINVAL)
		snprintf(why, IPC_TEXT, "%s: a key's name has letters, digits, "
		    "dots, dashes, underscores", path);
	else if (error != 0)
		snprintf(why, IPC_TEXT, "more than %d keys", MP_KEYS_MAX);
	return error;
}

static int
add_all(struct agent *a, struct ring *r, char why[IPC_TEXT])
{
	char files[IPC_KEYS], *rest = files, *path;
	int error;

	memcpy(files, r->files, sizeof(files));
	while ((path = strsep(&rest, "\n")) != NULL) {
		if (path[0] == '\0')
			continue;
		error = add_file(a, r, path, why);
		if (error != 0)
			return error;
	}
	if (r->keys->n > 0)
		return 0;
	snprintf(why, IPC_TEXT, "no key: make one with mpctl keygen");
	return -ENOENT;
}

static struct ring *
find_files(struct agent *a, const char *files)
{
	struct ring *r;

	LIST_FOREACH(r, &a->rings, entry)
		if (strcmp(r->files, files) == 0)
			return r;
	return NULL;
}

/* A file may have changed since, so what counts is what is in it. */
static struct ring *
find_same(struct agent *a, const struct ring *new)
{
	struct ring *r;

	LIST_FOREACH(r, &a->rings, entry)
		if (sodium_memcmp(r->keys, new->keys, sizeof(*r->keys)) == 0)
			return r;
	return NULL;
}

/* Gives the ring, or the same one of another port. */
static void
share(struct agent *a, struct ring *r, struct ring **ring)
{
	struct ring *same = find_same(a, r);

	if (same != NULL) {
		ring_free(r);
		r = same;
	} else
		LIST_INSERT_HEAD(&a->rings, r, entry);
	r->users++;
	*ring = r;
}

int
ring_get(struct agent *a, const char files[IPC_KEYS], struct ring **ring,
    char why[IPC_TEXT])
{
	struct ring *r;
	int error;

	if (a->channel < 0 && (r = find_files(a, files)) != NULL) {
		r->users++;
		*ring = r;
		return 0;
	}
	r = ring_new(files);
	if (r == NULL)
		return -ENOMEM;
	error = add_all(a, r, why);
	if (error == 0)
		share(a, r, ring);
	else
		ring_free(r);
	return error;
}

int
ring_none(struct agent *a, struct ring **ring)
{
	static const char no_files[IPC_KEYS];
	struct ring *r = ring_new(no_files);

	if (r == NULL)
		return -ENOMEM;
	share(a, r, ring);
	return 0;
}

void
ring_put(struct ring *r)
{
	if (r == NULL || --r->users > 0)
		return;
	LIST_REMOVE(r, entry);
	ring_free(r);
}

const char *
ring_name(const struct ring *r, uint64_t key_id)
{
	uint32_t i;

	for (i = 0; i < r->keys->n && i < MP_KEYS_MAX; i++)
		if (r->keys->key[i].id == key_id)
			return r->keys->key[i].name;
	return "";
}
