/* SPDX-License-Identifier: ISC */
/* mpctl add-peer and remove-peer: the file of peers is read, changed in memory
 * and replaced as a whole, while its directory is locked. */
#include "peer.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "identity.h"
#include "keydir.h"
#include "keydir_write.h"
#include "say.h"
#include "agent/keyfile.h"
#include "agent/peers.h"

enum { PEER_LINE = 4096 }; /* bytes of a new line */

/* The line that shall be there, and what is to become of those that are. */
struct peer_wish {
	char name[PEERS_NAME]; /* or "": of any name */
	uint8_t pub[32];
	bool any_key; /* `pub' does not count */
	char line[PEER_LINE]; /* "": none shall be there */
};

/* The text of the file that is being made. */
struct peer_edit {
	const struct keydir *dir;
	char *text;
	size_t len;
	int dropped;
};

/* Is the peer one that the wish is about? */
static bool
peer_is(const struct peer *peer, const struct peer_wish *w)
{
	return (w->name[0] != '\0' && strcmp(peer->name, w->name) == 0) ||
	    (!w->any_key && memcmp(peer->pub, w->pub, 32) == 0);
}

/* The line from `at' on, with its newline: its length; and its peer, if that
 * is right. */
static size_t
peer_line(const struct keydir *d, size_t at, struct peer *peer, bool *is)
{
	const char *end = memchr(d->text + at, '\n', d->len - at);
	size_t n = end != NULL ? (size_t)(end - d->text) - at + 1 :
	    d->len - at;
	struct peers p;

	peers_begin(&p, d->text + at, n);
	*is = peers_next(&p, peer) > 0;
	return n;
}

/* Makes the new text: the wish's line stands where the first that it replaces
 * stood, or at the end. */
static bool
peer_edit_make(struct peer_edit *e, const struct keydir *d,
    const struct peer_wish *w)
{
	size_t at, n, len = strlen(w->line);
	bool is, put = len == 0;
	struct peer peer;

	memset(e, 0, sizeof(*e));
	e->dir = d;
	e->text = calloc(1, d->len + len + 2);
	if (e->text == NULL) {
		say_line("%s", strerror(errno));
		return false;
	}
	for (at = 0; at < d->len; at += n) {
		n = peer_line(d, at, &peer, &is);
		if (is && peer_is(&peer, w)) {
			e->dropped++;
			memcpy(e->text + e->len, w->line, put ? 0 : len);
			e->len += put ? 0 : len;
			put = true;
			continue;
		}
		memcpy(e->text + e->len, d->text + at, n);
		e->len += n;
		if (d->text[at + n - 1] != '\n')
			e->text[e->len++] = '\n';
	}
	memcpy(e->text + e->len, w->line, put ? 0 : len);
	e->len += put ? 0 : len;
	return true;
}

static bool
peer_edit_write(const struct peer_edit *e, bool *news)
{
	const struct keydir *d = e->dir;

	*news = d->text == NULL || e->len != d->len ||
	    memcmp(e->text, d->text, e->len) != 0;
	return !*news || keydir_write(d, "peers", e->text, e->len, true) == 0;
}

/* --- A new line ----------------------------------------------------------- */

/* Are two words options of the same name? */
static bool
peer_same_option(const char *a, const char *b)
{
	size_t n = strcspn(a, "=");

	return strncmp(a, b, n + 1) == 0;
}

/* Appends a word; false: no room. */
static bool
peer_append(char line[PEER_LINE], const char *word, size_t len)
{
	size_t n = strlen(line);

	if (n + len + 3 > PEER_LINE)
		return false;
	if (n > 0)
		line[n++] = ' ';
	memcpy(line + n, word, len);
	line[n + len] = '\0';
	return true;
}

/* Appends the options of a line that are not given anew. */
static bool
peer_keep_options(char line[PEER_LINE], const char *old, size_t len, int n,
    char **words)
{
	const char *end = old + len, *word;
	bool fits = true;
	int i, skip = 2; /* name and key */

	while (fits && old < end) {
		old += strspn(old, " \t\r\n");
		word = old;
		while (old < end && strchr(" \t\r\n", *old) == NULL)
			old++;
		if (word == old || word[0] == '#')
			break;
		if (skip-- > 0)
			continue;
		for (i = 2; i < n && !peer_same_option(words[i], word); i++)
			continue;
		if (i == n)
			fits = peer_append(line, word, (size_t)(old - word));
	}
	return fits;
}

/* Parses the words as a line. */
static int
peer_parse(struct peer_wish *w, int n, char **words)
{
	struct peers p;
	struct peer peer;
	int i;

	memset(w, 0, sizeof(*w));
	for (i = 0; i < n; i++)
		if (strpbrk(words[i], " \t\r\n#") != NULL ||
		    !peer_append(w->line, words[i], strlen(words[i]))) {
			say_line("\"%s\" cannot be a part of a peer's line",
			    words[i]);
			return CTL_USAGE;
		}
	peers_begin(&p, w->line, strlen(w->line));
	if (peers_next(&p, &peer) <= 0) {
		say_line("%s", p.fault);
		return CTL_USAGE;
	}
	memcpy(w->name, peer.name, sizeof(w->name));
	memcpy(w->pub, peer.pub, 32);
	return CTL_OK;
}

/* Looks at the lines that are there: may the wish's come in their place? */
static int
peer_compare(struct peer_wish *w, const struct keydir *d, int n, char **words)
{
	struct peer peer;
	unsigned number = 1;
	size_t at, len;
	bool is;

	for (at = 0; at < d->len; at += len, number++) {
		len = peer_line(d, at, &peer, &is);
		if (!is || !peer_is(&peer, w))
			continue;
		if (strcmp(peer.name, w->name) != 0) {
			say_line("%speers:%u: that key is peer %s; --replace "
			    "makes it %s", d->path, number, peer.name,
			    w->name);
			return CTL_FAILED;
		}
		if (memcmp(peer.pub, w->pub, 32) != 0) {
			say_line("%speers:%u: peer %s has another key; "
			    "--replace takes this one", d->path, number,
			    w->name);
			return CTL_FAILED;
		}
		if (!peer_keep_options(w->line, d->text + at, len, n, words)) {
			say_line("%speers:%u: %s", d->path, number,
			    strerror(E2BIG));
			return CTL_FAILED;
		}
		break;
	}
	return CTL_OK;
}

static int
peer_put(struct keydir *d, struct peer_wish *w, int n, char **words,
    bool replace, bool *news)
{
	struct peer_edit e;
	int status = CTL_OK;

	keydir_read(d);
	if (d->peers_error != 0 && d->peers_error != -ENOENT) {
		say_line("%s", d->peers_why);
		return CTL_FAILED;
	}
	if (!replace)
		status = peer_compare(w, d, n, words);
	if (status != CTL_OK)
		return status;
	memcpy(w->line + strlen(w->line), "\n", 2);
	if (!peer_edit_make(&e, d, w))
		return CTL_FAILED;
	if (!peer_edit_write(&e, news))
		status = CTL_FAILED;
	free(e.text);
	return status;
}

int
peer_add(struct keydir *d, int n, char **words, bool replace, bool *news)
{
	struct peer_wish w;
	int fd, status = peer_parse(&w, n, words);

	*news = false;
	if (status != CTL_OK)
		return status;
	fd = keydir_lock(d);
	if (fd < 0)
		return CTL_FAILED;
	status = peer_put(d, &w, n, words, replace, news);
	close(fd);
	return status;
}

int
ctl_add_peer(bool system, bool replace, int n, char **words)
{
	struct keydir d;
	uint8_t pub[32];
	bool news;
	int status;

	if (!identity_directory(&d, system))
		return CTL_FAILED;
	status = peer_add(&d, n, words, replace, &news);
	if (status == CTL_OK)
		printf("peer %s %s %speers\n", words[0],
		    news ? "is now in" : "was already in", d.path);
	keydir_end(&d);
	/* Without one, nothing would come of it. */
	if (status == CTL_OK && identity_directory(&d, system)) {
		if (!identity_public(&d, pub))
			status = CTL_FAILED;
		keydir_end(&d);
	}
	return status;
}

/* --- Without a line ------------------------------------------------------- */

int
peer_remove(struct keydir *d, const char *who)
{
	struct peer_wish w = { .line = "" };
	struct peer_edit e;
	bool news;
	int fd, dropped = -1;

	w.any_key = !keyfile_public(who, w.pub);
	if (w.any_key)
		snprintf(w.name, sizeof(w.name), "%s", who);
	fd = keydir_lock(d);
	if (fd < 0)
		return -1;
	keydir_read(d);
	if (d->peers_error == -ENOENT)
		dropped = 0;
	else if (d->peers_error != 0)
		say_line("%s", d->peers_why);
	else if (peer_edit_make(&e, d, &w)) {
		if (e.dropped == 0 || peer_edit_write(&e, &news))
			dropped = e.dropped;
		free(e.text);
	}
	close(fd);
	return dropped;
}

int
ctl_remove_peer(bool system, const char *who)
{
	struct keydir d;
	int n;

	if (!identity_directory(&d, system))
		return CTL_FAILED;
	n = peer_remove(&d, who);
	if (n == 0)
		say_line("no peer %s in %speers", who, d.path);
	else if (n > 0)
		printf("%s is no peer any more in %speers\n", who, d.path);
	keydir_end(&d);
	return n > 0 ? CTL_OK : CTL_FAILED;
}
