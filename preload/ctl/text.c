/* SPDX-License-Identifier: ISC */
/* The status for people: lines of 80 columns where the addresses allow. */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "ctl.h"
#include "shared/ipc.h"
#include "shared/net.h"

/* How long ago, in words; "never" where it did not happen. */
static const char *
ago(char text[CTL_WORDS + 8], uint64_t now, uint64_t at)
{
	char words[CTL_WORDS];

	if (at == 0 || at == MP_NEVER)
		return "never";
	snprintf(text, CTL_WORDS + 8, "%s ago",
	    ctl_words(words, now > at ? now - at : 0));
	return text;
}

static void
text_port(const struct ipc_row *r)
{
	printf("port %" PRIu32, r->port);
	if (r->u.port_row.restarts > 0)
		printf(" (agent restarted %" PRIu32 " times)",
		    r->u.port_row.restarts);
	putchar('\n');
}

static void
text_slot(const struct ipc_row *r)
{
	const struct slot *s = &r->u.slot_row.record;
	char name[ARENA_NAME], text[NET_TEXT];

	printf("  %s, process %" PRIu32 ": %s socket",
	    ctl_clean(name, sizeof(name), s->program, sizeof(s->program)),
	    s->pid, s->family == AF_INET ? "IPv4" : "IPv6");
	if (s->local.port != 0 && !net_is_any(&s->local))
		printf(", bound to %s", net_text(&s->local, text));
	if (s->connected)
		printf(", connected to %s", net_text(&s->peer, text));
	putchar('\n');
	if (r->u.slot_row.drops > 0)
		printf("    the kernel dropped %" PRIu64 " packets there: kept "
		    "out, or no room\n", r->u.slot_row.drops);
}

/* Bytes, in the unit that leaves three digits or fewer. */
static const char *
amount(char text[16], uint64_t bytes)
{
	static const char *const units[] = { "bytes", "kB", "MB", "GB", "TB",
		"PB", "EB" };
	uint64_t rest = 0;
	size_t i;

	for (i = 0; bytes >= 1000; i++) {
		rest = bytes % 1000;
		bytes /= 1000;
	}
	if (i > 0 && bytes < 100)
		snprintf(text, 16, "%" PRIu64 ".%" PRIu64 " %s", bytes,
		    rest / 100, units[i]);
	else
		snprintf(text, 16, "%" PRIu64 " %s", bytes, units[i]);
	return text;
}

static void
text_session(const struct ipc_row *r)
{
	const struct mp_session_info *s = &r->u.session_row.info;
	char peer[NET_TEXT], key[32], suite[24], at[CTL_WORDS + 8];
	char words[CTL_WORDS], sent[16], received[16];

	printf("  peer %s: %s", net_text(&s->shown, peer),
	    ctl_session_state(r));
	if (s->state == MP_S_UP && s->up_at <= r->now)
		printf(" for %s", ctl_words(words, r->now - s->up_at));
	printf(", heard %s\n", ago(at, r->now, s->last_in_at));
	printf("    key %s", ctl_clean(key, sizeof(key),
	    r->u.session_row.key, sizeof(r->u.session_row.key)));
	if (s->state == MP_S_UP)
		printf(", %s", ctl_clean(suite, sizeof(suite),
		    r->u.session_row.suite, sizeof(r->u.session_row.suite)));
	if (r->u.session_row.mtu != 0)
		printf(", datagrams up to %" PRIu32 " bytes",
		    r->u.session_row.mtu);
	putchar('\n');
	printf("    sent %" PRIu64 " datagrams, %s; ", s->tx_datagrams,
	    amount(sent, s->tx_bytes));
	printf("received %" PRIu64 ", %s\n", s->rx_datagrams,
	    amount(received, s->rx_bytes));
	if (s->why != MP_WHY_none)
		printf("    path chosen %s: %s\n",
		    ago(at, r->now, s->why_at), mp_reason_what(s->why));
}

static void
text_flow_head(void)
{
	printf("    %4s  %-7s %8s %10s %7s %11s %9s %9s\n", "flow", "state",
	    "SRTT ms", "RTTVAR ms", "loss %", "idle", "sent", "received");
}

/* Thousandths as a number of one decimal, or a dash. */
static const char *
tenths(char text[16], uint32_t thousandths, bool known)
{
	if (!known)
		return "-";
	snprintf(text, 16, "%" PRIu32 ".%" PRIu32, thousandths / 1000,
	    thousandths / 100 % 10);
	return text;
}

static void
text_flow(const struct ipc_row *r)
{
	const struct mp_flow_info *f = &r->u.flow_row.info;
	char srtt[16], var[16], idle[CTL_WORDS], remote[NET_TEXT];
	char local[INET6_ADDRSTRLEN], interface[16];
	bool v4 = net_is_v4(&f->path.local), known = f->srtt_us != 0;

	printf("    %4" PRIu32 "  %-7s %8s %10s %5" PRIu32 ".%" PRIu32
	    " %11s %9" PRIu64 " %9" PRIu64 "\n", r->flow, ctl_flow_state(r),
	    tenths(srtt, f->srtt_us, known), tenths(var, f->rttvar_us, known),
	    f->loss_permille / 10, f->loss_permille % 10,
	    f->idle_us == MP_NEVER ? "-" : ctl_words(idle, f->idle_us),
	    f->tx_packets, f->rx_packets);
	inet_ntop(v4 ? AF_INET : AF_INET6, f->path.local.ip + (v4 ? 12 : 0),
	    local, sizeof(local));
	printf("          %s -> %s", local, net_text(&f->path.remote, remote));
	if (r->u.flow_row.interface[0] != '\0')
		printf(" on %s", ctl_clean(interface, sizeof(interface),
		    r->u.flow_row.interface, sizeof(r->u.flow_row.interface)));
	putchar('\n');
}

/* Only what was dropped: the other counters are in the JSON. */
static void
text_counter(const struct ipc_row *r)
{
	char name[32];
	enum mp_counter c;

	ctl_clean(name, sizeof(name), r->u.counter_row.name,
	    sizeof(r->u.counter_row.name));
	if (r->u.counter_row.value == 0 || strncmp(name, "drop_", 5) != 0)
		return;
	for (c = 0; c < MP_C_MAX; c++)
		if (strcmp(name, mp_counter_name(c)) == 0)
			break;
	printf("  dropped %" PRIu64 ": %s\n", r->u.counter_row.value,
	    c < MP_C_MAX ? mp_counter_what(c) : name + 5);
}

void
ctl_text(const struct ipc_row *row, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		switch (row[i].kind) {
		case IPC_ROW_PORT:
			if (i > 0)
				putchar('\n');
			text_port(&row[i]);
			break;
		case IPC_ROW_SLOT:
			text_slot(&row[i]);
			break;
		case IPC_ROW_SESSION:
			text_session(&row[i]);
			break;
		case IPC_ROW_FLOW:
			if (i > 0 && row[i - 1].kind != IPC_ROW_FLOW)
				text_flow_head();
			text_flow(&row[i]);
			break;
		case IPC_ROW_COUNTER:
			text_counter(&row[i]);
			break;
		default:
			break;
		}
}
