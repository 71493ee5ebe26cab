/* SPDX-License-Identifier: ISC */
#include "view.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "fields.h"
#include "history.h"
#include "mp.h"
#include "say.h"
#include "shared/arena.h"
#include "shared/ipc.h"
#include "shared/net.h"

enum {
	/* Columns of a flow's line that mark, number, state, interface, SRTT
	 * and loss take, with blanks; the pair of addresses and the history
	 * share the others. */
	FIXED = 2 + 3 + 8 + 10 + 8 + 6,
	PAIR_LEAST = 12,
	PAIR_MOST = 2 * INET6_ADDRSTRLEN + 1,
	HISTORY_LEAST = 16,
	LEVELS = 8,
	FRESH_US = 10 * 1000000, /* a change is bold for so long */
	DAY_S = 86400,
};

/* --- Lines ---------------------------------------------------------------- */

static struct view_line *
view_add_line(struct view *v)
{
	size_t room = v->room == 0 ? 32 : v->room * 2;
	static struct view_line none; /* without memory: never shown */
	struct view_line *line;

	if (v->n == v->room) {
		line = reallocarray(v->line, room, sizeof(*line));
		if (line == NULL) {
			none.n = 0;
			return &none;
		}
		v->line = line;
		v->room = room;
	}
	line = &v->line[v->n++];
	line->n = 0;
	return line;
}

static void
view_put(struct view_line *l, uint32_t ch, enum view_style style)
{
	if (l->n < VIEW_COLS)
		l->cell[l->n++] = (struct view_cell) { .ch = ch,
			.style = (uint8_t)style };
}

/* The text is ASCII: names of programs and keys went through say_clean(). */
static void __attribute__((format(printf, 3, 4)))
view_print(struct view_line *l, enum view_style style, const char *format, ...)
{
	char text[VIEW_COLS + 1];
	va_list ap;
	size_t i;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	for (i = 0; text[i] != '\0'; i++)
		view_put(l, (unsigned char)text[i], style);
}

/* Puts the text into `size' columns; if it does not fit, its middle is left
 * out. */
static void
view_print_cut(struct view_line *l, enum view_style style, const char *text,
    size_t size)
{
	size_t len = strlen(text), head = (size - 1) / 2;
	size_t tail = size - 2 - head;

	if (size < 4 || len <= size)
		view_print(l, style, "%-*.*s", (int)size, (int)size, text);
	else
		view_print(l, style, "%.*s..%s", (int)head, text,
		    text + len - tail);
}

/* --- A flow --------------------------------------------------------------- */

/* The widths and the scale that all flows of a session share. */
struct view_frame {
	unsigned pair, history; /* columns */
	uint32_t top_us;	/* the SRTT that has the highest mark */
};

static void
view_pair_text(char text[PAIR_MOST + 3], const struct mp_path *path)
{
	char local[INET6_ADDRSTRLEN], remote[INET6_ADDRSTRLEN];
	bool v4 = net_is_v4(&path->local);

	inet_ntop(v4 ? AF_INET : AF_INET6, path->local.ip + (v4 ? 12 : 0),
	    local, sizeof(local));
	v4 = net_is_v4(&path->remote);
	inet_ntop(v4 ? AF_INET : AF_INET6, path->remote.ip + (v4 ? 12 : 0),
	    remote, sizeof(remote));
	snprintf(text, PAIR_MOST + 3, "%s > %s", local, remote);
}

static enum view_style
view_flow_style(const struct mp_flow_info *f)
{
	if (f->failed)
		return VIEW_BAD;
	if (f->doubt)
		return VIEW_WARN;
	return f->in_use ? VIEW_GOOD : VIEW_PLAIN;
}

/* Puts the mark of one second of a flow. */
static void
view_put_history(struct view_line *l, const struct view *v,
    const struct view_frame *f, struct history_cell c)
{
	static const char ascii[] = "_.-=+*#@";
	enum view_style style = c.used ? VIEW_GOOD : VIEW_PLAIN;
	unsigned level;

	if (c.taken)
		view_put(l, '>', VIEW_BOLD);
	else if (c.state == HISTORY_FAILED)
		view_put(l, 'x', VIEW_BAD);
	else if (c.state == HISTORY_DOUBT)
		view_put(l, '?', VIEW_WARN);
	else if (c.state == HISTORY_NONE || c.srtt_us == 0)
		view_put(l, ' ', VIEW_PLAIN);
	else {
		level = (unsigned)((uint64_t)c.srtt_us * LEVELS /
		    ((uint64_t)f->top_us + 1));
		level = level < LEVELS ? level : LEVELS - 1;
		view_put(l, v->utf8 ? 0x2581 + level : (uint32_t)ascii[level],
		    style);
	}
}

static void
view_flow(struct view *v, const struct view_frame *f, const struct ipc_row *r)
{
	const struct mp_flow_info *is = &r->u.flow_row.info;
	struct view_line *l = view_add_line(v);
	char text[PAIR_MOST + 3], name[16];
	enum view_style style = view_flow_style(is);
	unsigned ago;

	view_print(l, VIEW_BOLD, "%c ", is->in_use ? '*' : ' ');
	view_print(l, VIEW_PLAIN, "%2" PRIu32 " ", r->flow);
	view_print(l, style, "%-7s ", fields_flow_state(r));
	view_pair_text(text, &is->path);
	view_print_cut(l, style, text, f->pair);
	view_print(l, VIEW_PLAIN, " %-8.8s ", say_clean(name, sizeof(name),
	    r->u.flow_row.interface, sizeof(r->u.flow_row.interface)));
	if (is->srtt_us != 0)
		view_print(l, style, "%5" PRIu32 ".%" PRIu32 " ",
		    is->srtt_us / 1000, is->srtt_us / 100 % 10);
	else
		view_print(l, style, "%7s ", "-");
	view_print(l, VIEW_PLAIN, "%3" PRIu32 ".%" PRIu32 " ",
	    is->loss_permille / 10, is->loss_permille % 10);
	for (ago = f->history; ago-- > 0;)
		view_put_history(l, v, f,
		    history_get(v->history, r, v->now, ago));
}

/* --- A session ------------------------------------------------------------ */

static struct view_frame
view_make_frame(const struct view *v, const struct ipc_row *flow, size_t n)
{
	struct view_frame f = { .pair = PAIR_LEAST, .top_us = 0 };
	unsigned free = v->cols > FIXED ? v->cols - FIXED : 0, ago;
	unsigned most = free > HISTORY_LEAST ? free - HISTORY_LEAST : 0;
	char text[PAIR_MOST + 3];
	struct history_cell c;
	size_t i;

	for (i = 0; i < n; i++) {
		view_pair_text(text, &flow[i].u.flow_row.info.path);
		if (strlen(text) > f.pair)
			f.pair = (unsigned)strlen(text);
	}
	if (f.pair > most)
		f.pair = most > PAIR_LEAST ? most : PAIR_LEAST;
	f.history = free > f.pair ? free - f.pair : 0;
	if (f.history > HISTORY_CELLS)
		f.history = HISTORY_CELLS;
	for (i = 0; i < n; i++)
		for (ago = 0; ago < f.history; ago++) {
			c = history_get(v->history, &flow[i], v->now, ago);
			f.top_us = c.srtt_us > f.top_us ? c.srtt_us : f.top_us;
		}
	return f;
}

static void
view_session_head(struct view *v, const struct ipc_row *r)
{
	const struct mp_session_info *s = &r->u.session_row.info;
	char peer[NET_TEXT], words[SAY_DURATION], key[32];
	struct view_line *l = view_add_line(v);

	view_print(l, VIEW_BOLD, "%s", net_text(&s->shown, peer));
	view_print(l, VIEW_PLAIN, "  %s", fields_session_state(r));
	if (s->state == MP_S_UP && s->up_at <= v->now)
		view_print(l, VIEW_PLAIN, " for %s",
		    say_duration(words, v->now - s->up_at));
	if (s->last_in_at != 0 && s->last_in_at <= v->now)
		view_print(l, VIEW_PLAIN, ", heard %s ago",
		    say_duration(words, v->now - s->last_in_at));
	view_print(l, VIEW_PLAIN, ", key %s", say_clean(key, sizeof(key),
	    r->u.session_row.key, sizeof(r->u.session_row.key)));
}

/* The line that says when and why the flow in use was chosen. */
static void
view_change(struct view *v, const struct ipc_row *r)
{
	const struct mp_session_info *s = &r->u.session_row.info;
	uint64_t age = s->why_at < v->now ? v->now - s->why_at : 0, day;
	char words[SAY_DURATION];
	struct view_line *l;

	if (s->why == MP_WHY_none || s->current == MP_NONE)
		return;
	l = view_add_line(v);
	day = (v->day_us / 1000000 + DAY_S - age / 1000000 % DAY_S) % DAY_S;
	view_print(l, age < FRESH_US ? VIEW_BOLD : VIEW_PLAIN,
	    "%02u:%02u:%02u  flow %" PRIu32 " taken %s ago: %s",
	    (unsigned)(day / 3600), (unsigned)(day / 60 % 60),
	    (unsigned)(day % 60), s->current, say_duration(words, age),
	    mp_reason_what(s->why));
}

static void
view_flow_head(struct view *v, const struct view_frame *f)
{
	struct view_line *l = view_add_line(v);

	view_print(l, VIEW_PLAIN, "   # %-7s %-*.*s %-8s %7s %5s ", "state",
	    (int)f->pair, (int)f->pair, "from > to", "on", "SRTT ms", "loss%");
	view_print(l, VIEW_PLAIN, "last %u s", f->history);
}

static enum view_sort by; /* for view_compare(): qsort(3) passes no argument */

static uint64_t
view_weight(const struct ipc_row *r)
{
	const struct mp_flow_info *f = &r->u.flow_row.info;

	switch (by) {
	case VIEW_BY_STATE:
		return f->failed ? 4 : f->in_use ? 0 : f->doubt ? 2 :
		    f->validated ? 1 : 3;
	case VIEW_BY_SRTT:
		return f->srtt_us != 0 ? f->srtt_us : UINT64_MAX;
	case VIEW_BY_LOSS:
		return f->loss_permille;
	default:
		return 0;
	}
}

static int
view_compare(const void *left, const void *right)
{
	const struct ipc_row *a = left, *b = right;
	uint64_t wa = view_weight(a), wb = view_weight(b);

	if (wa != wb)
		return wa < wb ? -1 : 1;
	return a->flow < b->flow ? -1 : a->flow > b->flow;
}

/* Shows a session and its flows, whose rows are sorted by v->sort; returns how
 * many rows. */
static size_t
view_session(struct view *v, struct ipc_row *r, size_t n)
{
	struct view_frame f;
	size_t i, end = 1;

	while (end < n && r[end].kind == IPC_ROW_FLOW &&
	    r[end].session == r->session)
		end++;
	view_add_line(v);
	view_session_head(v, r);
	view_change(v, r);
	if (end == 1)
		return end;
	by = v->sort;
	qsort(r + 1, end - 1, sizeof(*r), view_compare);
	f = view_make_frame(v, r + 1, end - 1);
	view_flow_head(v, &f);
	for (i = 1; i < end; i++)
		view_flow(v, &f, &r[i]);
	return end;
}

/* --- A port --------------------------------------------------------------- */

static void
view_port_head(struct view *v, const struct ipc_row *r, size_t n)
{
	struct view_line *l;
	char name[ARENA_NAME];
	size_t i;

	if (v->n > 0)
		view_add_line(v);
	l = view_add_line(v);
	view_print(l, VIEW_BOLD, "port %" PRIu32, r->port);
	for (i = 0; i < n; i++)
		if (r[i].kind == IPC_ROW_SLOT)
			view_print(l, VIEW_PLAIN, "  %s %" PRIu32,
			    say_clean(name, sizeof(name),
			    r[i].u.slot_row.record.program, ARENA_NAME),
			    r[i].u.slot_row.record.pid);
	if (r->kind == IPC_ROW_PORT && r->u.port_row.restarts > 0)
		view_print(l, VIEW_WARN, "  agent restarted %" PRIu32 " times",
		    r->u.port_row.restarts);
}

static void
view_drops(struct view *v, const struct ipc_row *r, size_t n)
{
	uint64_t drops = 0;
	size_t i;

	for (i = 0; i < n; i++)
		if (r[i].kind == IPC_ROW_COUNTER &&
		    strncmp(r[i].u.counter_row.name, "drop_", 5) == 0)
			drops += r[i].u.counter_row.value;
	if (drops > 0)
		view_print(view_add_line(v), VIEW_PLAIN, "%" PRIu64
		    " packets dropped; mpctl status tells why", drops);
}

void
view_make(struct view *v, struct ipc_row *row, size_t n)
{
	size_t i, at, end;

	v->n = 0;
	for (at = 0; at < n; at = end) {
		for (end = at; end < n && row[end].port == row[at].port; end++)
			;
		view_port_head(v, &row[at], end - at);
		for (i = at; i < end;)
			if (row[i].kind == IPC_ROW_SESSION)
				i += view_session(v, &row[i], end - i);
			else
				i++;
		view_drops(v, &row[at], end - at);
	}
}

void
view_text(struct view *v, const char *text)
{
	int len;

	v->n = 0;
	for (; *text != '\0'; text += len + (text[len] == '\n')) {
		len = (int)strcspn(text, "\n");
		view_print(view_add_line(v), VIEW_PLAIN, "%.*s", len, text);
	}
}

void
view_free(struct view *v)
{
	free(v->line);
	v->line = NULL;
	v->n = v->room = 0;
}

const char *
view_sort_name(enum view_sort sort)
{
	static const char *const names[] = { [VIEW_BY_NUMBER] = "number",
		[VIEW_BY_STATE] = "state", [VIEW_BY_SRTT] = "SRTT",
		[VIEW_BY_LOSS] = "loss" };

	return sort < VIEW_SORTS ? names[sort] : "?";
}
