/* SPDX-License-Identifier: ISC */
/*
 * The lines are an interface: names of fields stay, new fields may be added,
 * and `v' grows when the meaning of one changes.
 */
#include "event_json.h"

#include "fields.h"
#include "json.h"
#include "shared/ipc.h"

enum { EVENT_VERSION = 1 };

static const char *
event_name(uint32_t event)
{
	static const char *const names[] = { "none",
#define IPC_X(name, kind) #name,
		IPC_EVENT_LIST(IPC_X)
#undef IPC_X
	};

	return event < IPC_EVENT_MAX ? names[event] : "unknown";
}

/* Begins a line with the fields that all events have. */
static void
event_begin(struct json *j, const char *event, uint64_t at, uint64_t wall)
{
	json_open(j, NULL, '{');
	json_number(j, "v", EVENT_VERSION);
	json_number(j, "time_us", at);
	json_number(j, "unix_us", wall);
	json_word(j, "event", event);
}

void
event_put_json(const struct ipc_row *r)
{
	struct json j = { .line = true };
	struct field_list l;

	event_begin(&j, event_name(r->event), r->at, r->wall);
	if (r->already)
		json_bool(&j, "already", true);
	if (r->port != 0)
		json_number(&j, "port", r->port);
	fields_read(&l, r);
	json_fields(&j, &l, FIELD_EVENT);
	json_close(&j, '}');
	json_end(&j);
}

void
event_put_agent_down(uint64_t at, uint64_t wall, const char *why)
{
	struct json j = { .line = true };

	event_begin(&j, "agent_down", at, wall);
	json_word(&j, "why", why);
	json_close(&j, '}');
	json_end(&j);
}
