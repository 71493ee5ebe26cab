/* SPDX-License-Identifier: ISC */
/* Whether the peers that a program wants to talk with can be used, as the agent
 * will read them (agent/keyring.h). */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "keydir.h"
#include "say.h"
#include "suggest.h"
#include "mp.h"
#include "agent/peers.h"
#include "shared/ipc.h"

/* Longer files are looked at only for the names that are wanted: mprun is to
 * start a program at once. */
enum {
	KEY_SHORT = 1 << 18, /* bytes */
	KEY_BYTES = 2048, /* of all names: IPC_KEYS, less two directories */
};

static struct keydir dirs[KEYDIRS];

/* Can the identity be used?  Says why not. */
static bool
key_identity_ok(const struct keydir *d)
{
	if (d->identity_error == -ENOENT)
		say_line("%s has no identity: mpctl identity makes one, which "
		    "peers are to be told", d->path);
	else if (d->identity_error != 0)
		say_line("%s", d->identity_why);
	return d->identity_error == 0;
}

/* Can its psk be used?  Says why not. */
static bool
key_psk_ok(const struct keydir *d, const struct peer *peer)
{
	char why[IPC_TEXT];
	uint8_t psk[32];
	int error = keydir_psk(d, peer, psk, why);

	sodium_memzero(psk, sizeof(psk));
	if (error != 0)
		say_line("%s", why);
	return error == 0;
}

/* A peer that one of the directories has: 1; 0: none has; -1, and says so: it
 * cannot be used. */
static int
key_find_in(struct keydir *d, const char *name)
{
	struct peers p;
	struct peer peer;
	int found = keydir_find(d, name, &p, &peer);

	if (found < 0)
		say_line("%speers:%u: %s", d->path, p.line, p.fault);
	if (found <= 0)
		return found < 0 ? -1 : 0;
	return key_identity_ok(d) && key_psk_ok(d, &peer) ? 1 : -1;
}

static void
key_say_old(void)
{
	size_t i;

	for (i = 0; i < KEYDIRS; i++)
		if (keydir_is_old(&dirs[i]))
			say_line("%s has keys of an earlier mpshim, which are "
			    "of no use: make a pair anew with mpctl pair "
			    "ME@SERVER", dirs[i].path);
}

/* Says why a directory cannot be used, unless it is not there; false: said
 * nothing. */
static bool
key_say_why(const struct keydir *d)
{
	if (d->path[0] == '\0' || d->peers_error == 0 ||
	    d->peers_error == -ENOENT)
		return false;
	say_line("%s", d->peers_why);
	return true;
}

/* The peer that was meant. */
static void
key_offer(const struct keydir *d, struct suggest *s)
{
	struct peers p;
	struct peer peer;
	int more;

	if (d->text == NULL || d->len > KEY_SHORT)
		return;
	peers_begin(&p, d->text, d->len);
	while ((more = peers_next(&p, &peer)) != 0)
		if (more > 0)
			suggest_offer(s, peer.name);
}

static void
key_say_unknown(const char *name)
{
	char text[SUGGEST_TEXT];
	struct suggest s;
	size_t i;

	suggest_begin(&s, name);
	for (i = 0; i < KEYDIRS; i++)
		key_offer(&dirs[i], &s);
	say_line("no peer %s in ~/.config/mpshim/peers or /etc/mpshim/peers; "
	    "mpctl pair %s ME@SERVER makes it known%s", name, name,
	    suggest_text(&s, text));
}

static void
key_say_lacks(const struct keydir *d, const char *name)
{
	char text[SUGGEST_TEXT];
	struct suggest s;

	suggest_begin(&s, name);
	key_offer(d, &s);
	say_line("%speers has no %s%s", d->path, name, suggest_text(&s, text));
}

static bool
key_check_named(const char *name)
{
	bool said = false;
	int found = 0;
	size_t i;

	if (!peers_name_ok(name)) {
		say_line("\"%s\" is no peer: want a name or a path", name);
		return false;
	}
	for (i = 0; i < KEYDIRS && found == 0; i++)
		found = key_find_in(&dirs[i], name);
	if (found != 0)
		return found > 0;
	for (i = 0; i < KEYDIRS; i++)
		said |= key_say_why(&dirs[i]);
	if (!said)
		key_say_unknown(name);
	key_say_old();
	return false;
}

/* "/DIR/NAME", or all peers of that directory. */
static bool
key_check_path(const char *path)
{
	const char *name = strrchr(path, '/') + 1;
	struct keydir d;
	int found = 0;

	if (!keydir_of(&d, path)) {
		say_line("key: %s", strerror(ENAMETOOLONG));
		return false;
	}
	if (strcmp(name, "*") != 0 && !peers_name_ok(name)) {
		say_line("%s: want DIRECTORY/NAME, of a peer that is in "
		    "DIRECTORY/peers", path);
		return false;
	}
	keydir_read(&d);
	if (d.peers_error != 0)
		say_line("%s", d.peers_why);
	else if (strcmp(name, "*") == 0)
		found = key_identity_ok(&d) ? 1 : -1;
	else
		found = key_find_in(&d, name);
	if (found == 0 && d.peers_error == 0)
		key_say_lacks(&d, name);
	keydir_end(&d);
	return found > 0;
}

/* All peers: there is one at least. */
static bool
key_check_all(void)
{
	struct peers p;
	struct peer peer;
	int more;
	bool said = false;
	size_t i;

	for (i = 0; i < KEYDIRS; i++) {
		if (dirs[i].text == NULL)
			continue;
		peers_begin(&p, dirs[i].text, dirs[i].len);
		while ((more = peers_next(&p, &peer)) < 0)
			continue;
		if (more == 0)
			continue;
		if (dirs[i].identity_error == 0)
			return true;
		if (dirs[i].identity_error != -EACCES || i == 0)
			said |= !key_identity_ok(&dirs[i]);
	}
	for (i = 0; i < KEYDIRS; i++)
		said |= key_say_why(&dirs[i]);
	if (!said)
		say_line("no peer is known yet: mpctl pair ME@SERVER makes one "
		    "known to this host, and this host to it");
	key_say_old();
	return false;
}

static bool
key_check(const char *key)
{
	if (strcmp(key, "*") == 0)
		return key_check_all();
	return key[0] == '/' ? key_check_path(key) : key_check_named(key);
}

static void
key_read_dirs(void)
{
	size_t i;

	(void)keydir_user(&dirs[0]);
	keydir_system(&dirs[1]);
	for (i = 0; i < KEYDIRS; i++) {
		keydir_read(&dirs[i]);
		if (dirs[i].len <= KEY_SHORT)
			(void)keydir_say_faults(&dirs[i]);
	}
}

int
ctl_keys_check(const char *keys)
{
	char *copy, *key, *rest;
	size_t n = 0, i;
	int status = CTL_OK;

	if (strlen(keys) >= KEY_BYTES) {
		say_line("too many keys: at most %d bytes in all", KEY_BYTES);
		return CTL_FAILED;
	}
	copy = strdup(keys);
	if (copy == NULL) {
		say_line("%s", strerror(errno));
		return CTL_FAILED;
	}
	key_read_dirs();
	for (key = strtok_r(copy, " \t\n", &rest); key != NULL;
	    key = strtok_r(NULL, " \t\n", &rest), n++)
		if (!key_check(key)) {
			status = CTL_FAILED;
			break;
		}
	if (status == CTL_OK && n == 0) {
		say_line("which peer?  Give it with -k NAME, or leave -k "
		    "out: all are meant");
		status = CTL_USAGE;
	} else if (n > MP_KEYS_MAX) {
		say_line("too many keys: at most %d", MP_KEYS_MAX);
		status = CTL_FAILED;
	}
	for (i = 0; i < KEYDIRS; i++)
		keydir_end(&dirs[i]);
	free(copy);
	return status;
}
