/* SPDX-License-Identifier: ISC */
/* The status for people: lines of 80 columns where the addresses allow. */
#include "status.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "form.h"
#include "shared/ipc.h"

enum { TEXT_FEW = 10 }; /* peers of which no sum is shown */

/* Where the fields stand: form.h. */
static const char text_port[] =
    "port {port}[ (agent restarted {agent_restarts} times)]\n";
static const char text_slot[] =
    "  {program}, process {pid}: {family} socket[, bound to {local}]"
    "[, connected to {connected}]\n"
    "[    the kernel dropped {kernel_drops} packets there: kept out, or no "
    "room\n]";
static const char text_session[] =
    "  peer[ {key} at] {peer}: {state}[ for {up_age_us}]"
    "[, heard {heard_age_us}][, {unheard}]\n"
    "[    {cipher}, datagrams up to {mtu_bytes} bytes\n]"
    "    sent {tx_datagrams} datagrams, {tx_bytes}; received {rx_datagrams}, "
    "{rx_bytes}\n"
    "[    path chosen {why_age_us}: {why_text}\n]";
static const char text_flow_head[] =
    "    flow  state    SRTT ms  RTTVAR ms  loss %        idle      sent  "
    "received\n";
static const char text_flow[] =
    "    {flow:4}  {state:-7} {srtt_us:8} {rttvar_us:10} {loss_permille:7} "
    "{idle_us:11} {tx_packets:9} {rx_packets:9}\n"
    "          {local} -> {remote}[ on {interface}]\n"
    "[          sends no bundles: the kernel refused one ({bundles_refused})\n]"
    "[          sends no bundles: {bundles_lost} of {bundles_packets} packets "
    "were lost, fewer of {single_packets} single ones\n]";
static const char text_sum[] =
    "  {sessions} peers[, {up} up][, {connecting} connecting][, {down} down]"
    "[, {closing} closing]; {flows} paths\n"
    "    sent {tx_datagrams} datagrams, {tx_bytes}; received {rx_datagrams}, "
    "{rx_bytes}\n"
    "    shown: {most} at most, behind the first {from}\n";
/* A line a peer: its session, then the flow in use. */
static const char short_head[] =
    "peer         address                  state      "
    "by           RTT   loss  heard\n";
static const char short_session[] = "{key:-12} {peer:-24} {state:-10}";
static const char short_flow[] =
    " {interface:-8} {srtt_us:7} ms {loss_permille:4} %";
static const char short_heard[] = "[  {heard_age_us}][  {unheard}]\n";
static const char text_counter[] = "  dropped {total}: {text}\n";

const char *
status_short_form(uint32_t kind)
{
	switch (kind) {
	case IPC_ROW_SESSION:
		return short_session;
	case IPC_ROW_FLOW:
		return short_flow;
	}
	return "";
}

const char *
status_text_form(uint32_t kind)
{
	switch (kind) {
	case IPC_ROW_PORT:
		return text_port;
	case IPC_ROW_SLOT:
		return text_slot;
	case IPC_ROW_SESSION:
		return text_session;
	case IPC_ROW_FLOW:
		return text_flow;
	case IPC_ROW_COUNTER:
		return text_counter;
	case IPC_ROW_SUM:
		return text_sum;
	}
	return "";
}

/* The text has only counters of dropped packets; all others are in the JSON. */
static bool
text_is_drop(const struct ipc_row *r)
{
	return r->u.counter_row.value > 0 &&
	    strncmp(r->u.counter_row.name, "drop_", 5) == 0;
}

/* Few peers are seen at a glance. */
static bool
text_needs_sum(const struct ipc_row *r)
{
	return r->u.sum_row.sessions > TEXT_FEW || r->u.sum_row.from > 0 ||
	    r->u.sum_row.sessions > r->u.sum_row.most;
}

void
status_put_text(const struct ipc_row *row, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (row[i].kind == IPC_ROW_COUNTER && !text_is_drop(&row[i]))
			continue;
		if (row[i].kind == IPC_ROW_SUM && !text_needs_sum(&row[i]))
			continue;
		if (row[i].kind == IPC_ROW_PORT && i > 0)
			putchar('\n');
		if (row[i].kind == IPC_ROW_FLOW && i > 0 &&
		    row[i - 1].kind != IPC_ROW_FLOW)
			fputs(text_flow_head, stdout);
		form_put(status_text_form(row[i].kind), &row[i]);
	}
}

/* The row of the flow in use of the session in row[i], or NULL. */
static const struct ipc_row *
text_flow_in_use(const struct ipc_row *row, size_t n, size_t i)
{
	for (i++; i < n && row[i].kind == IPC_ROW_FLOW; i++)
		if (row[i].u.flow_row.info.in_use)
			return &row[i];
	return NULL;
}

void
status_put_short(const struct ipc_row *row, size_t n)
{
	const struct ipc_row *flow;
	bool first = true;
	size_t i;

	for (i = 0; i < n; i++) {
		if (row[i].kind != IPC_ROW_SESSION)
			continue;
		if (first)
			fputs(short_head, stdout);
		first = false;
		form_put(status_short_form(row[i].kind), &row[i]);
		flow = text_flow_in_use(row, n, i);
		if (flow != NULL)
			form_put(status_short_form(flow->kind), flow);
		else
			printf(" %-8s %7s    %4s  ", "-", "-", "-");
		form_put(short_heard, &row[i]);
	}
	if (first)
		puts("no peer");
}
