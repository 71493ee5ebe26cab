/* SPDX-License-Identifier: ISC */
#include "peers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keyfile.h"

#define PEERS_BLANK " \t\r"

enum { PEERS_SHOWN = 64 }; /* letters of a wrong word */

bool
peers_name_ok(const char *name)
{
	static const char ok[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				 "abcdefghijklmnopqrstuvwxyz0123456789._-";
	size_t n = strspn(name, ok);

	return n > 0 && n < PEERS_NAME && name[n] == '\0' && name[0] != '.' &&
	    name[0] != '-';
}

/* --- Words ---------------------------------------------------------------- */

/* The line of which words are left to read. */
struct rest {
	const char *at, *end;
};

/* Takes the next line; false: there is none. */
static bool
peers_line(struct peers *p, struct rest *line)
{
	const char *from = p->text + p->at, *to;

	if (p->at >= p->len)
		return false;
	to = memchr(from, '\n', p->len - p->at);
	line->at = from;
	line->end = to != NULL ? to : p->text + p->len;
	p->at = (size_t)(line->end - p->text) + 1;
	p->line++;
	return true;
}

/* The next word of the line, cut off where it is too long: its length; 0: there
 * is none. */
static size_t
peers_word(struct rest *line, char word[PEERS_WORD])
{
	const char *from;
	size_t n;

	while (line->at < line->end && (*line->at == '\0' ||
	    strchr(PEERS_BLANK, *line->at) != NULL))
		line->at++;
	for (from = line->at; line->at < line->end && (*line->at == '\0' ||
	    strchr(PEERS_BLANK, *line->at) == NULL); line->at++)
		continue;
	n = (size_t)(line->at - from);
	if (n == 0 || *from == '#')
		return 0;
	n = n < PEERS_WORD ? n : PEERS_WORD - 1;
	memcpy(word, from, n);
	word[n] = '\0';
	return n;
}

/* The message goes to terminals and logs: it has no control character. */
static int
peers_refuse(struct peers *p, const char *want, const char *word)
{
	char shown[PEERS_SHOWN + 1];
	size_t i;

	for (i = 0; i < PEERS_SHOWN && word[i] != '\0'; i++)
		shown[i] = word[i] < ' ' || word[i] > '~' ? '?' : word[i];
	shown[i] = '\0';
	snprintf(p->fault, sizeof(p->fault), "expected %s, found %s%s%s",
	    want, word[0] != '\0' ? "\"" : "nothing", shown,
	    word[0] != '\0' ? "\"" : "");
	return -EINVAL;
}

/* --- Options -------------------------------------------------------------- */

/* "ADDRESS[/LENGTH]"; cuts the text. */
static bool
peers_prefix(struct mp_prefix *p, char *text)
{
	char *slash = strchr(text, '/');
	unsigned bits = 0, most;
	const char *c;
	bool v4;

	if (slash != NULL)
		*slash++ = '\0';
	memset(p, 0, sizeof(*p));
	v4 = inet_pton(AF_INET, text, p->ip + 12) == 1;
	if (!v4 && inet_pton(AF_INET6, text, p->ip) != 1)
		return false;
	if (v4)
		memset(p->ip + 10, 0xff, 2);
	most = v4 ? 32 : 128;
	if (slash == NULL)
		bits = most;
	else if (*slash == '\0' || strlen(slash) > 3)
		return false;
	for (c = slash; c != NULL && *c != '\0'; c++) {
		if (*c < '0' || *c > '9')
			return false;
		bits = bits * 10 + (unsigned)(*c - '0');
	}
	p->bits = (uint8_t)(bits + (v4 ? 96 : 0));
	return bits <= most;
}

/* Adds the prefixes of a list to those that there are, `most' in all. */
static bool
peers_prefixes(struct mp_prefix all[], unsigned *n, unsigned most, char *list)
{
	char *one;

	while ((one = strsep(&list, ",")) != NULL)
		if (*n == most || !peers_prefix(&all[(*n)++], one))
			return false;
	return true;
}

static bool
peers_sessions(struct peer *peer, const char *text)
{
	size_t n = strspn(text, "0123456789");

	if (n == 0 || n > 6 || text[n] != '\0')
		return false;
	peer->sessions = (uint32_t)strtoul(text, NULL, 10);
	return peer->sessions >= 1 && peer->sessions <= MP_SESSIONS_MAX;
}

static int
peers_option(struct peers *p, struct peer *peer, char *word)
{
	char copy[PEERS_WORD];

	memcpy(copy, word, sizeof(copy));
	if (strncmp(word, "at=", 3) == 0)
		return peers_prefixes(peer->at, &peer->nat, PEERS_AT, word +
		    3) ? 0 : peers_refuse(p,
		    "at=ADDRESS[/LENGTH][,...], 16 at most", copy);
	if (strncmp(word, "from=", 5) == 0)
		return peers_prefixes(peer->from, &peer->nfrom, MP_FROM_MAX,
		    word + 5) ? 0 : peers_refuse(p,
		    "from=ADDRESS[/LENGTH][,...], 8 at most", copy);
	if (strncmp(word, "sessions=", 9) == 0)
		return peers_sessions(peer, word + 9) ? 0 : peers_refuse(p,
		    "sessions=1 to sessions=100000", copy);
	if (strncmp(word, "psk=", 4) == 0 && word[4] != '\0') {
		memcpy(peer->psk, copy + 4, sizeof(copy) - 4);
		return 0;
	}
	if (strncmp(word, "ssh=", 4) == 0 && word[4] != '\0') {
		memcpy(peer->ssh, copy + 4, sizeof(copy) - 4);
		return 0;
	}
	return peers_refuse(p, "at=, from=, psk=, sessions= or ssh=", copy);
}

/* --- Lines ---------------------------------------------------------------- */

void
peers_begin(struct peers *p, const char *text, size_t len)
{
	memset(p, 0, sizeof(*p));
	p->text = text;
	p->len = len;
}

/* The rest of a line behind the name. */
static int
peers_take(struct peers *p, struct rest *line, struct peer *peer)
{
	char word[PEERS_WORD] = "";
	int error;

	if (peers_word(line, word) == 0)
		return peers_refuse(p, "a public key behind the name", "");
	if (keyfile_is_secret(word)) {
		snprintf(p->fault, sizeof(p->fault), "expected a public key, "
		    "found a secret one, which is to be nowhere else");
		return -EINVAL;
	}
	if (!keyfile_public(word, peer->pub))
		return peers_refuse(p, "a public key of mpctl identity", word);
	while (peers_word(line, word) > 0) {
		error = peers_option(p, peer, word);
		if (error != 0)
			return error;
	}
	return 1;
}

/* A line whose name is `name', or (NULL) any. */
static int
peers_read(struct peers *p, const char *name, struct peer *peer)
{
	char word[PEERS_WORD];
	struct rest line;

	while (peers_line(p, &line)) {
		if (peers_word(&line, word) == 0 ||
		    (name != NULL && strcmp(word, name) != 0))
			continue;
		memset(peer, 0, sizeof(*peer));
		if (!peers_name_ok(word))
			return peers_refuse(p, "a name of 1 to 31 letters, "
			    "digits, dots, dashes or underscores", word);
		memcpy(peer->name, word, strlen(word));
		return peers_take(p, &line, peer);
	}
	return 0;
}

int
peers_next(struct peers *p, struct peer *peer)
{
	return peers_read(p, NULL, peer);
}

int
peers_find(struct peers *p, const char *name, struct peer *peer)
{
	return peers_read(p, name, peer);
}
