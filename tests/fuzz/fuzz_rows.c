/* SPDX-License-Identifier: ISC */
/*
 * What mpctl reads of the agent: the first byte says which command reads, then
 * come messages, each a row, or an answer, of the right length with bytes of the
 * input in it, or any bytes.
 *
 * mpctl ends, and what it prints is text: no control character of a row's gets
 * to the terminal.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctl/ask.h"
#include "ctl/event_json.h"
#include "ctl/event_text.h"
#include "ctl/history.h"
#include "ctl/rows.h"
#include "ctl/status.h"
#include "ctl/view.h"
#include "ctl/who.h"
#include "fuzz.h"
#include "shared/connect_agent.h"
#include "shared/ipc.h"

enum { ROWS_FED = 40, ROWS_BUFFER = 1 << 20 };

static int rows_fd = -1;
int __wrap_connect_agent_open(void);

int
__wrap_connect_agent_open(void)
{
	int fd = rows_fd;

	rows_fd = -1;
	return fd;
}

/* Some bytes of a message, here and there. */
static void
rows_patch(struct feed *f, uint8_t *to, size_t len)
{
	unsigned n = feed_byte(f) & 15;
	size_t at;

	while (n-- > 0 && f->left > 0) {
		at = feed_number(f, 2) % len;
		feed_fill(f, to + at, (size_t)feed_byte(f) % (len - at + 1) %
		    64);
	}
}

static void
rows_feed(struct feed *f, int to)
{
	union {
		struct ipc_row row;
		struct ipc_answer answer;
		uint8_t bytes[sizeof(struct ipc_row) +
		    sizeof(struct ipc_answer)];
	} m;
	uint8_t how = feed_byte(f);
	size_t len = sizeof(m.row);

	memset(&m, how & 0x40 ? 0xff : 0, sizeof(m));
	if ((how & 15) == 15) {
		len = sizeof(m.answer);
	} else if ((how & 15) == 14) {
		len = feed_number(f, 2) % sizeof(m);
	} else {
		m.row.kind = how & 15;
		m.row.port = how >> 4 & 1;
		m.row.event = how & 32 ? 0 : feed_byte(f);
	}
	if (len > 0)
		rows_patch(f, m.bytes, len);
	fuzz_count("messages");
	(void)!send(to, m.bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* The commands' standard output is kept, and looked at. */
static void
rows_print(void (*print)(struct rows *), struct rows *rows)
{
	FILE *old = stdout, *kept;
	char *text = NULL;
	size_t len = 0, i;

	kept = open_memstream(&text, &len);
	FUZZ_ASSERT(kept != NULL);
	stdout = kept;
	print(rows);
	fclose(kept);
	stdout = old;
	for (i = 0; i < len; i++)
		FUZZ_ASSERT(((unsigned char)text[i] >= ' ' && text[i] != 0x7f &&
		    ((unsigned char)text[i] & 0xe0) != 0x80) ||
		    text[i] == '\n');
	free(text);
}

static void
rows_as_text(struct rows *rows)
{
	status_put_text(rows->row, rows->n);
}

static void
rows_as_json(struct rows *rows)
{
	status_put_json(rows->row, rows->n);
}

/* mpctl events, both forms. */
static void
rows_as_events(struct rows *rows)
{
	char why[ASK_TEXT];
	struct ipc_row row;
	int fd = ask_open(IPC_EVENTS, 0, NULL);

	(void)rows;
	while (fd >= 0 && ask_read_row(fd, &row, why) == 1)
		if (row.event != IPC_EVENT_NONE) {
			who_note(&row);
			event_put_json(&row);
			event_put_text(&row);
			who_forget(&row);
		}
	close(fd);
}

/* mpctl watch. */
static void
rows_as_view(struct rows *rows, unsigned how)
{
	static struct history history;
	static struct view view;
	size_t i, k;

	view = (struct view) { .cols = 1 + how % VIEW_COLS, .utf8 = how & 1,
		.sort = how >> 2 & 3 ? VIEW_BY_SRTT : VIEW_BY_STATE,
		.now = 100000000, .day_us = 5000000, .history = &history,
		.line = view.line, .room = view.room };
	for (i = 0; i < 3; i++)
		history_add(&history, rows->row, rows->n, view.now +
		    i * 1000000);
	view_make(&view, rows->row, rows->n);
	for (i = 0; i < view.n; i++)
		for (k = 0; k < view.line[i].n; k++)
			FUZZ_ASSERT(k < VIEW_COLS && view.line[i].cell[k].ch >=
			    ' ' && view.line[i].cell[k].ch != 0x7f);
	history_free(&history);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct feed f = { data, len };
	struct rows rows = { 0 };
	uint8_t how = feed_byte(&f);
	int pair[2], size = ROWS_BUFFER, i;

	FUZZ_ASSERT(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
	    pair) == 0);
	(void)setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	for (i = 0; i < ROWS_FED && f.left > 0; i++)
		rows_feed(&f, pair[1]);
	if (how & 1)
		(void)!send(pair[1], &(struct ipc_row) { .kind = IPC_ROW_END },
		    sizeof(struct ipc_row), MSG_DONTWAIT | MSG_NOSIGNAL);
	rows_fd = pair[0];
	shutdown(pair[1], SHUT_WR);
	if (how & 16)
		rows_print(rows_as_events, NULL);
	else
		FUZZ_ASSERT(rows_get(&rows, how & 2 ? 42 : 0, NULL) <= 0);
	close(pair[1]);
	if (how & 4)
		rows_print(rows_as_text, &rows);
	if (how & 8)
		rows_print(rows_as_json, &rows);
	rows_as_view(&rows, how);
	rows_free(&rows);
	return 0;
}
