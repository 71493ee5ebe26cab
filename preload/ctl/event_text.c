/* SPDX-License-Identifier: ISC */
#include "event_text.h"

#include <stdio.h>
#include <time.h>

#include "form.h"
#include "who.h"
#include "shared/ipc.h"

#define EVENT_PAIR "path {flow}, {local} -> {remote}[ on {interface}]: "

static const char *
event_text_form(uint32_t event)
{
	static const char *const forms[] = {
		[IPC_EVENT_agent_up] =
		    "the agent of mpshim {mpshim} runs, process {agent_pid}",
		[IPC_EVENT_socket_open] = "{program}, process {pid}, opens an "
		    "{family} socket[, bound to {local}]",
		[IPC_EVENT_socket_close] = "{program}, process {pid}, closes an "
		    "{family} socket",
		[IPC_EVENT_session_connecting] = "connecting to {peer}",
		[IPC_EVENT_session_up] = "up, at {peer}[, {cipher}]",
		[IPC_EVENT_session_down] = "down, silent for long",
		[IPC_EVENT_session_closing] = "closing",
		[IPC_EVENT_session_gone] = "gone",
		[IPC_EVENT_flow_new] = EVENT_PAIR "new",
		[IPC_EVENT_flow_validated] =
		    EVENT_PAIR "answers[, after {srtt_us} ms]",
		[IPC_EVENT_flow_doubt] =
		    EVENT_PAIR "in doubt[, an answer is late by {idle_us}]",
		[IPC_EVENT_flow_failed] = EVENT_PAIR "sending failed",
		[IPC_EVENT_flow_ok] =
		    EVENT_PAIR "answers again[, after {srtt_us} ms]",
		[IPC_EVENT_flow_moved] = EVENT_PAIR "moved here",
		[IPC_EVENT_flow_gone] = EVENT_PAIR "gone",
		[IPC_EVENT_bundles_off] = EVENT_PAIR "bundles fail, so "
		    "datagrams go one by one",
		[IPC_EVENT_bundles_again] = EVENT_PAIR "bundles are tried again",
		[IPC_EVENT_choice] = EVENT_PAIR "in use[, {srtt_us} ms]"
		    "[: {why_text}]",
		[IPC_EVENT_sample] = EVENT_PAIR "{srtt_us} ms"
		    "[, an answer is late by {idle_us}]",
		[IPC_EVENT_link_up] =
		    "{interface} is up[, packets of {mtu_bytes} bytes]",
		[IPC_EVENT_link_down] = "{interface} is down",
		[IPC_EVENT_address_new] = "{interface} has {address}",
		[IPC_EVENT_address_gone] = "{interface} has {address} no more",
		[IPC_EVENT_dropped] = "dropped {more}: {text}",
		[IPC_EVENT_error] = "error: {text}",
		[IPC_EVENT_lost] = "{lines} lines came too fast for this reader",
	};

	return event < sizeof(forms) / sizeof(forms[0]) &&
	    forms[event] != NULL ? forms[event] : "";
}

/* The time of day, to the millisecond. */
static void
event_put_time(uint64_t wall)
{
	time_t s = (time_t)(wall / 1000000);
	struct tm day;
	char text[16];

	if (localtime_r(&s, &day) == NULL ||
	    strftime(text, sizeof(text), "%H:%M:%S", &day) == 0)
		text[0] = '\0';
	printf("%s.%03u  ", text, (unsigned)(wall / 1000 % 1000));
}

void
event_put_text(const struct ipc_row *r)
{
	const char *name = who_name(r), *form = event_text_form(r->event);

	if (form[0] == '\0')
		return; /* of a later mpshim */
	event_put_time(r->wall);
	if (name[0] != '\0')
		printf("%s: ", name);
	form_put(form, r);
	if (r->already)
		fputs(" (since before)", stdout);
	putchar('\n');
}

void
event_put_text_down(uint64_t at, uint64_t wall, const char *why)
{
	(void)at;
	event_put_time(wall);
	printf("the agent ended: %s\n", why);
}
