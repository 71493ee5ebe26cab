/* SPDX-License-Identifier: ISC */
#include "name.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keydir.h"
#include "remote.h"
#include "agent/peers.h"
#include "policy/rules.h"
#include "shared/sockfilter.h"

enum { NAME_HOST = 256 }; /* bytes, 0 included: RFC 1035, section 2.3.4 */

/* Splits NAME[:PORT]; false: it is neither. */
static bool
name_split(const char *word, char host[NAME_HOST], uint16_t *port)
{
	const char *colon = strchr(word, ':');
	size_t len = colon != NULL ? (size_t)(colon - word) : strlen(word);
	unsigned long n = 0;
	char *end;

	if (len == 0 || len >= NAME_HOST || word[0] == '-' ||
	    memchr(word, '/', len) != NULL)
		return false;
	memcpy(host, word, len);
	host[len] = '\0';
	*port = 0;
	if (colon == NULL)
		return true;
	if (colon[1] < '1' || colon[1] > '9')
		return false;
	n = strtoul(colon + 1, &end, 10);
	*port = (uint16_t)n;
	return *end == '\0' && n <= UINT16_MAX;
}

/* The first whole address of a peer's at=. */
static bool
name_of_peer(const char *host, struct mp_addr *to)
{
	struct keydir dir[KEYDIRS];
	struct peers p;
	struct peer peer;
	bool found = false;
	unsigned i, k;

	(void)keydir_user(&dir[0]);
	keydir_system(&dir[1]);
	for (i = 0; i < KEYDIRS && !found; i++) {
		keydir_read(&dir[i]);
		if (dir[i].text != NULL && peers_name_ok(host) &&
		    keydir_find(&dir[i], host, &p, &peer) == 1)
			for (k = 0; k < peer.nat && !found; k++) {
				found = peer.at[k].bits == 128;
				memcpy(to->ip, peer.at[k].ip, sizeof(to->ip));
			}
		keydir_end(&dir[i]);
	}
	return found;
}

static bool
name_of_host(const char *host, struct mp_addr *to)
{
	struct sockfilter_prefix found;
	char list[64];

	remote_resolve(host, 1, list, sizeof(list));
	if (list[0] == '\0' || !rules_prefix(&found, list))
		return false;
	*to = found.addr;
	return true;
}

bool
name_find(const char *word, struct mp_addr *to)
{
	struct sockfilter_prefix is;
	char host[NAME_HOST];
	uint16_t port;

	memset(to, 0, sizeof(*to));
	if (strchr(word, '/') == NULL && rules_prefix(&is, word)) {
		*to = is.addr;
		return true;
	}
	if (!name_split(word, host, &port) ||
	    (!name_of_peer(host, to) && !name_of_host(host, to)))
		return false;
	to->port = port;
	return true;
}
