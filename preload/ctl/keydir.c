/* SPDX-License-Identifier: ISC */
#include "keydir.h"

#include <dirent.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "say.h"
#include "agent/keyfile.h"
#include "policy/settings.h"

#define SYSTEM_DIR "/etc/mpshim/"

/* --- Paths ---------------------------------------------------------------- */

bool
keydir_user(struct keydir *d)
{
	const char *home = settings_home(environ);
	int n;

	memset(d, 0, sizeof(*d));
	if (home == NULL)
		return false;
	n = snprintf(d->path, PATH_MAX, "%s/.config/mpshim/", home);
	if (n < PATH_MAX)
		return true;
	d->path[0] = '\0';
	return false;
}

void
keydir_system(struct keydir *d)
{
	memset(d, 0, sizeof(*d));
	memcpy(d->path, SYSTEM_DIR, sizeof(SYSTEM_DIR));
}

bool
keydir_of(struct keydir *d, const char *path)
{
	size_t n = (size_t)(strrchr(path, '/') - path) + 1;

	memset(d, 0, sizeof(*d));
	if (n >= PATH_MAX)
		return false;
	memcpy(d->path, path, n);
	return true;
}

bool
keydir_file(const struct keydir *d, const char *name, char path[PATH_MAX])
{
	if (snprintf(path, PATH_MAX, "%s%s", d->path, name) < PATH_MAX)
		return true;
	say_line("%s%s: %s", d->path, name, strerror(ENAMETOOLONG));
	return false;
}

/* --- Reading -------------------------------------------------------------- */

static int
keydir_read_peers(struct keydir *d)
{
	char path[PATH_MAX];
	int error, fd;

	if (!keydir_file(d, "peers", path))
		return -ENAMETOOLONG;
	fd = keyfile_open(path, d->peers_why);
	if (fd < 0)
		return fd;
	error = keyfile_peers(fd, PEERS_MAX, &d->text, &d->len);
	if (error != 0)
		snprintf(d->peers_why, IPC_TEXT, "%.200s: %s", path,
		    strerror(-error));
	close(fd);
	return error;
}

static int
keydir_read_identity(struct keydir *d)
{
	char path[PATH_MAX];
	int error, fd;

	if (!keydir_file(d, "identity", path))
		return -ENAMETOOLONG;
	fd = keyfile_open(path, d->identity_why);
	if (fd < 0)
		return fd;
	error = keyfile_secret(fd, path, d->secret, d->identity_why);
	close(fd);
	return error;
}

void
keydir_read(struct keydir *d)
{
	free(d->text);
	d->text = NULL;
	d->len = 0;
	if (d->path[0] == '\0') {
		d->peers_error = d->identity_error = -ENOENT;
		return;
	}
	d->peers_error = keydir_read_peers(d);
	d->identity_error = keydir_read_identity(d);
}

void
keydir_end(struct keydir *d)
{
	free(d->text);
	sodium_memzero(d, sizeof(*d));
}

static bool
keydir_is_old_name(const char *name)
{
	size_t len = strlen(name);

	return len > 4 && strcmp(name + len - 4, ".key") == 0;
}

bool
keydir_is_old(const struct keydir *d)
{
	char path[PATH_MAX];
	struct dirent *e;
	bool found = false;
	DIR *dir;

	if (d->path[0] == '\0' || d->peers_error != -ENOENT ||
	    !keydir_file(d, "keys", path))
		return false;
	dir = opendir(path);
	while (dir != NULL && !found && (e = readdir(dir)) != NULL)
		found = keydir_is_old_name(e->d_name);
	if (dir != NULL)
		closedir(dir);
	return found;
}

/* --- Peers ---------------------------------------------------------------- */

unsigned
keydir_say_faults(const struct keydir *d)
{
	struct peers p;
	struct peer peer;
	unsigned faults = 0;
	int more;

	if (d->text == NULL)
		return 0;
	peers_begin(&p, d->text, d->len);
	while ((more = peers_next(&p, &peer)) != 0)
		if (more < 0) {
			say_line("%speers:%u: %s", d->path, p.line, p.fault);
			faults++;
		}
	return faults;
}

int
keydir_find(const struct keydir *d, const char *name, struct peers *p,
    struct peer *peer)
{
	uint8_t pub[32];
	int more;

	if (d->text == NULL)
		return 0;
	peers_begin(p, d->text, d->len);
	if (!keyfile_public(name, pub))
		return peers_find(p, name, peer);
	while ((more = peers_next(p, peer)) != 0)
		if (more > 0 && memcmp(peer->pub, pub, sizeof(pub)) == 0)
			return 1;
	return 0;
}

int
keydir_psk(const struct keydir *d, const struct peer *peer, uint8_t psk[32],
    char why[IPC_TEXT])
{
	char path[PATH_MAX];
	int error, fd, n;

	memset(psk, 0, 32);
	if (peer->psk[0] == '\0')
		return 0;
	n = snprintf(path, sizeof(path), "%s%s",
	    peer->psk[0] == '/' ? "" : d->path, peer->psk);
	if (n >= (int)sizeof(path)) {
		snprintf(why, IPC_TEXT, "psk of %s: %s", peer->name,
		    strerror(ENAMETOOLONG));
		return -ENAMETOOLONG;
	}
	fd = keyfile_open(path, why);
	if (fd < 0)
		return fd;
	error = keyfile_secret(fd, path, psk, why);
	close(fd);
	return error;
}
