/* SPDX-License-Identifier: ISC */
#include "who.h"

#include <search.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "say.h"
#include "shared/ipc.h"
#include "shared/net.h"

enum { WHO_TEXT = NET_TEXT > 32 ? NET_TEXT : 32 };

struct who {
	uint32_t port, session;
	char name[32];	     /* of the peer, or "" */
	char text[WHO_TEXT]; /* the name, or the address */
};

static void *sessions; /* of tsearch(3) */

static int
who_compare(const void *left, const void *right)
{
	const struct who *a = left, *b = right;

	if (a->port != b->port)
		return a->port < b->port ? -1 : 1;
	return (a->session > b->session) - (a->session < b->session);
}

/* The peer of the session that the row is about, or NULL. */
static struct who *
who_find(const struct ipc_row *r)
{
	const struct who key = { .port = r->port, .session = r->session };
	void *found;

	if (r->kind != IPC_ROW_SESSION && r->kind != IPC_ROW_FLOW)
		return NULL;
	found = tfind(&key, &sessions, who_compare);
	return found != NULL ? *(struct who **)found : NULL;
}

/* A record of the session, new or old; NULL: there is no memory. */
static struct who *
who_add(const struct ipc_row *r)
{
	struct who *w = who_find(r);

	if (w != NULL)
		return w;
	w = calloc(1, sizeof(*w));
	if (w == NULL)
		return NULL;
	w->port = r->port;
	w->session = r->session;
	if (tsearch(w, &sessions, who_compare) == NULL) {
		free(w);
		return NULL;
	}
	return w;
}

void
who_note(const struct ipc_row *r)
{
	struct who *w;

	if (r->kind != IPC_ROW_SESSION || (w = who_add(r)) == NULL)
		return;
	say_clean(w->name, sizeof(w->name), r->u.session_row.key,
	    sizeof(r->u.session_row.key));
	if (w->name[0] != '\0')
		snprintf(w->text, sizeof(w->text), "%s", w->name);
	else
		(void)net_text(&r->u.session_row.info.shown, w->text);
}

void
who_forget(const struct ipc_row *r)
{
	struct who *w = who_find(r);

	if (w == NULL || r->event != IPC_EVENT_session_gone)
		return;
	(void)tdelete(w, &sessions, who_compare);
	free(w);
}

const char *
who_name(const struct ipc_row *r)
{
	const struct who *w = who_find(r);

	return w != NULL ? w->text : "";
}

bool
who_is(const struct ipc_row *r, const char *name)
{
	const struct who *w = who_find(r);

	return w != NULL && strcmp(w->name, name) == 0;
}
