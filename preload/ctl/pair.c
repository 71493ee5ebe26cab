/* SPDX-License-Identifier: ISC */
/* mpctl pair and unpair: two hosts know each other, or not any more; what is to
 * be done on the other one is done over ssh. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "identity.h"
#include "keydir.h"
#include "peer.h"
#include "remote.h"
#include "say.h"
#include "agent/keyfile.h"
#include "agent/peers.h"

enum { PAIR_WORD = 1024 };

/* Who is made known to whom. */
struct pair {
	struct keydir dir;
	struct remote remote;
	bool replace;
	char own[KEYFILE_TEXT];	  /* our public key */
	char we[PEERS_NAME];	  /* our name there */
	char peer[PEERS_NAME];	  /* its name here */
	char key[KEYFILE_TEXT];	  /* its public key */
};

static bool
pair_begin(struct pair *p)
{
	uint8_t pub[32];

	if (!identity_directory(&p->dir, false) ||
	    !identity_public(&p->dir, pub))
		return false;
	keyfile_public_text(p->own, pub);
	return true;
}

/* A name from the text up to `end'; false: it cannot be one. */
static bool
pair_name(char name[PEERS_NAME], const char *text, size_t n)
{
	if (n == 0 || n >= PEERS_NAME)
		return false;
	memcpy(name, text, n);
	name[n] = '\0';
	return peers_name_ok(name);
}

/* Our name is the host's, up to its first dot. */
static bool
pair_name_us(struct pair *p, const char *as)
{
	char host[256];

	if (as != NULL) {
		if (pair_name(p->we, as, strlen(as)))
			return true;
		say_line("\"%s\" cannot be a peer's name: want 1 to 31 "
		    "letters, digits, dots, dashes or underscores", as);
		return false;
	}
	if (gethostname(host, sizeof(host)) == 0) {
		host[sizeof(host) - 1] = '\0';
		if (pair_name(p->we, host, strcspn(host, ".")))
			return true;
	}
	say_line("this host's name cannot be a peer's: give one with --as");
	return false;
}

static bool
pair_name_peer(struct pair *p, const char *name)
{
	const char *to = p->remote.to, *at = strrchr(to, '@');

	if (name == NULL)
		name = at != NULL ? at + 1 : to;
	if (pair_name(p->peer, name, strlen(name)))
		return true;
	say_line("\"%s\" cannot be a peer's name: mpctl pair NAME %s, with a "
	    "name of 1 to 31 letters, digits, dots, dashes or underscores",
	    name, to);
	return false;
}

/* Takes the public key out of what the other host printed. */
static bool
pair_read_key(struct pair *p, char *out)
{
	uint8_t pub[32];
	char *line;

	while ((line = strsep(&out, "\n")) != NULL) {
		line[strcspn(line, "\r")] = '\0';
		if (keyfile_public(line, pub) && strcmp(line, p->own) == 0) {
			say_line("%s is this user itself", p->remote.to);
			return false;
		}
		if (keyfile_public(line, pub)) {
			keyfile_public_text(p->key, pub);
			return true;
		}
	}
	say_line("%s did not tell its public key: is mpshim installed there?",
	    p->remote.to);
	return false;
}

/*
 * A name that is known already, or a key: nothing is done there before it is
 * clear that it will be accepted here.
 */
static bool
pair_may_add(struct pair *p)
{
	char out[REMOTE_TEXT];
	struct peers at;
	struct peer is;
	uint8_t pub[32];

	if (p->replace || keydir_find(&p->dir, p->peer, &at, &is) == 0)
		return true;
	if (!remote_run(&p->remote, "mpctl identity", out)) {
		say_line("%s: nothing was changed", p->remote.to);
		return false;
	}
	if (!pair_read_key(p, out))
		return false;
	if (keyfile_public(p->key, pub) && memcmp(pub, is.pub, 32) == 0)
		return true;
	say_line("%speers:%u: peer %s has another key; --replace takes that of "
	    "%s", p->dir.path, at.line, p->peer, p->remote.to);
	return false;
}

static bool
pair_there(struct pair *p)
{
	char command[PAIR_WORD], out[REMOTE_TEXT];

	snprintf(command, sizeof(command),
	    "mpctl add-peer %s%s %s && mpctl identity",
	    p->replace ? "--replace " : "", p->we, p->own);
	if (remote_run(&p->remote, command, out))
		return pair_read_key(p, out);
	say_line("%s: nothing was changed", p->remote.to);
	return false;
}

static int
pair_here(struct pair *p)
{
	char at[PAIR_WORD] = "at=", ssh[PAIR_WORD];
	char *words[] = { p->peer, p->key, ssh, at };
	bool news;
	int i, n, status;

	snprintf(ssh, sizeof(ssh), "ssh=%s", p->remote.to);
	remote_addresses(&p->remote, 8, at + 3, sizeof(at) - 3);
	n = at[3] != '\0' ? 4 : 3;
	printf("$ mpctl add-peer%s", p->replace ? " --replace" : "");
	for (i = 0; i < n; i++)
		printf(" %s", words[i]);
	putchar('\n');
	status = peer_add(&p->dir, n, words, p->replace, &news);
	if (status != CTL_OK)
		return status;
	printf("%s knows this host as %s, and this host knows it as %s:\n"
	    "mprun -k %s PROGRAM, here, and mprun PROGRAM, there\n",
	    p->remote.to, p->we, p->peer, p->peer);
	return CTL_OK;
}

/* What is to be pasted, where ssh does not lead there. */
static int
pair_by_hand(struct pair *p)
{
	printf("on the other host:   mpctl add-peer %s %s\n"
	    "and on this one what mpctl pair prints there\n", p->we, p->own);
	return CTL_OK;
}

int
ctl_pair(const char *name, const char *to, const char *as, const char *ssh,
    bool replace)
{
	struct pair p = { .remote = { .ssh = ssh, .to = to },
		.replace = replace };
	int status = CTL_FAILED;

	if (to != NULL && !remote_ok(to)) {
		say_line("\"%s\" is no destination of ssh: want [USER@]HOST",
		    to);
		return CTL_USAGE;
	}
	if (!pair_name_us(&p, as) || (to != NULL && !pair_name_peer(&p, name)))
		return CTL_USAGE;
	if (pair_begin(&p)) {
		if (to == NULL)
			status = pair_by_hand(&p);
		else if (pair_may_add(&p) && pair_there(&p))
			status = pair_here(&p);
	}
	keydir_end(&p.dir);
	return status;
}

/* --- Undone --------------------------------------------------------------- */

/* True: the other host does not know us any more. */
static bool
pair_end_there(struct pair *p, const struct peer *is)
{
	char command[PAIR_WORD], out[REMOTE_TEXT];

	snprintf(command, sizeof(command), "mpctl remove-peer %s", p->own);
	if (p->remote.to == NULL && is->ssh[0] != '\0')
		p->remote.to = is->ssh;
	if (p->remote.to == NULL)
		say_line("how to reach %s is not known: run there %s",
		    is->name, command);
	else if (!remote_ok(p->remote.to))
		say_line("\"%s\" is no destination of ssh", p->remote.to);
	else if (remote_run(&p->remote, command, out))
		return true;
	else
		say_line("%s may still know this host: run there %s",
		    p->remote.to, command);
	return false;
}

int
ctl_unpair(const char *name, const char *ssh)
{
	struct pair p = { .remote = { .ssh = ssh } };
	struct peers at;
	struct peer is;
	bool ended;
	int n = -1;

	if (!pair_begin(&p)) {
		keydir_end(&p.dir);
		return CTL_FAILED;
	}
	if (keydir_find(&p.dir, name, &at, &is) <= 0) {
		say_line("no peer %s in %speers", name, p.dir.path);
		keydir_end(&p.dir);
		return CTL_FAILED;
	}
	ended = pair_end_there(&p, &is);
	printf("$ mpctl remove-peer %s\n", name);
	n = peer_remove(&p.dir, name);
	keydir_end(&p.dir);
	return ended && n > 0 ? CTL_OK : CTL_FAILED;
}
