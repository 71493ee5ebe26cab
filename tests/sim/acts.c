/* SPDX-License-Identifier: ISC */
/* acts: what operations of lists do, but for lies (verbs.c says with which
 * arguments). */
#include "verbs.h"

#include <string.h>

#include "field.h"
#include "inside.h"
#include "world.h"

void
op_wait(struct field *f, const uint32_t *arg)
{
	world_run(&f->w, f->w.now + arg[0]);
}

void
op_send(struct field *f, const uint32_t *arg)
{
	if (arg[0] < f->n_hosts && arg[1] < f->n_hosts && arg[0] != arg[1])
		talk_job(f, arg[0], arg[1], arg[2], arg[3], arg[4]);
}

/* --- Links ---------------------------------------------------------------- */

void
op_cut(struct field *f, const uint32_t *arg)
{
	static const unsigned black[6][2] = { { 0, 0 }, { BLACK_ALL, 0 },
		{ 0, BLACK_ALL }, { BLACK_ALL, BLACK_ALL },
		{ BLACK_V4, BLACK_V4 }, { BLACK_V6, BLACK_V6 } };
	struct iface *i = field_link(f, arg[0]);

	if (i == NULL)
		return;
	i->out.black = black[arg[1] % 6][0];
	i->in.black = black[arg[1] % 6][1];
}

void
op_mend(struct field *f, const uint32_t *arg)
{
	struct iface *i = field_link(f, arg[0]);

	if (i != NULL)
		i->out.black = i->in.black = 0;
}

#define BOTH_SIDES(name, field_)                                              \
	void op_##name(struct field *f, const uint32_t *arg)                  \
	{                                                                     \
		struct iface *i = field_link(f, arg[0]);                      \
                                                                              \
		if (i != NULL)                                                \
			i->out.field_ = i->in.field_ = arg[1];                \
	}

BOTH_SIDES(loss, loss_ppm)
BOTH_SIDES(dup, dup_ppm)
BOTH_SIDES(delay, delay_us)
BOTH_SIDES(jitter, jitter_us)
BOTH_SIDES(eats, eats)

void
op_reorder(struct field *f, const uint32_t *arg)
{
	struct iface *i = field_link(f, arg[0]);

	if (i == NULL)
		return;
	i->out.reorder_ppm = i->in.reorder_ppm = arg[1];
	i->out.reorder_us = i->in.reorder_us = MS(20);
	f->unordered = true;
}

void
op_rate(struct field *f, const uint32_t *arg)
{
	struct iface *i = field_link(f, arg[0]);

	if (i == NULL)
		return;
	i->out.rate_kbps = i->in.rate_kbps = arg[1];
	i->out.queue = i->in.queue = arg[1] * 100 / 8;
}

static void
acts_carrier(struct field *f, const uint32_t *arg, bool down)
{
	struct iface *i = field_link(f, arg[0]);

	if (i == NULL)
		return;
	i->down = down;
	host_addrs_changed(i->host);
	host_link_event(i->host, i->ifindex);
}

void
op_down(struct field *f, const uint32_t *arg)
{
	acts_carrier(f, arg, true);
}

void
op_up(struct field *f, const uint32_t *arg)
{
	acts_carrier(f, arg, false);
}

/* Which of the link's addresses that is; n_addrs: it has it not. */
static unsigned
acts_addr(const struct iface *i, const struct mp_addr *a)
{
	unsigned k;

	for (k = 0; k < i->n_addrs; k++)
		if (net_addr_same_ip(&i->addrs[k], a))
			break;
	return k;
}

void
op_del(struct field *f, const uint32_t *arg)
{
	struct iface *i = field_link(f, arg[0]);
	struct mp_addr a = field_addr(arg[0] / LIST_LINKS,
	    arg[0] % LIST_LINKS, arg[1]);
	unsigned k;

	if (i == NULL || (k = acts_addr(i, &a)) == i->n_addrs)
		return;
	i->n_addrs--;
	memmove(&i->addrs[k], &i->addrs[k + 1], (i->n_addrs - k) * sizeof(a));
	host_addrs_changed(i->host);
}

void
op_add(struct field *f, const uint32_t *arg)
{
	struct iface *i = field_link(f, arg[0]);
	struct mp_addr a = field_addr(arg[0] / LIST_LINKS,
	    arg[0] % LIST_LINKS, arg[1]);

	if (i == NULL || acts_addr(i, &a) < i->n_addrs ||
	    i->n_addrs == IFACE_ADDRS_MAX)
		return;
	i->addrs[i->n_addrs++] = a;
	f->unordered = true;
	host_addrs_changed(i->host);
}

void
op_nat(struct field *f, const uint32_t *arg)
{
	struct iface *i = field_link(f, arg[0]);

	if (i != NULL && i->nat != NULL)
		nat_flush(i->nat);
}

void
op_balance(struct field *f, const uint32_t *arg)
{
	struct iface *i = field_link(f, arg[0]);

	if (i != NULL && i->nat != NULL)
		i->nat->balances = f->unordered = true;
}

/* --- Hosts ---------------------------------------------------------------- */

/* The session of a host with another one; NULL: there is none. */
static struct session *
acts_session(struct field *f, uint32_t from, uint32_t to)
{
	struct host *h = field_host(f, from);
	uint32_t i;

	if (h == NULL || !h->running || to >= f->n_hosts || from == to)
		return NULL;
	i = mp_session_find(&h->mp, 0, &f->peer[from][to]);
	return state_session(&h->mp, i);
}

void
op_rekey(struct field *f, const uint32_t *arg)
{
	struct session *s = acts_session(f, arg[0], arg[1]);
	struct host *h = field_host(f, arg[0]);

	if (s == NULL || s->state != MP_S_UP)
		return;
	s->rekey_at = host_now(h);
	s->last_data = s->rekey_at; /* only used keys are renewed */
	table_set_deadline(&h->mp, s, host_now(h));
	host_rearm(h, false);
}

void
op_restart(struct field *f, const uint32_t *arg)
{
	struct host *h = field_host(f, arg[0]);

	if (h == NULL)
		return;
	host_start(h);
	talk_forget(f, arg[0]);
}

void
op_stop(struct field *f, const uint32_t *arg)
{
	struct host *h = field_host(f, arg[0]);

	if (h == NULL)
		return;
	host_stop(h);
	talk_forget(f, arg[0]);
}

static void
acts_agent_back(void *arg, uint64_t life)
{
	struct host *h = arg;

	if (h->running && h->lives == life)
		host_agent_back(h);
}

void
op_agent(struct field *f, const uint32_t *arg)
{
	struct host *h = field_host(f, arg[0]);

	if (h == NULL)
		return;
	host_agent_dies(h);
	world_at(&f->w, f->w.now + arg[1], acts_agent_back, h, h->lives);
}

void
op_torn(struct field *f, const uint32_t *arg)
{
	static uint8_t buf[65536];
	struct host *h = field_host(f, arg[0]);
	const struct mp_addr *to;
	struct mp_tx tx[MP_TX_MAX];
	struct mp_bundle b;
	struct mp_out out;

	if (h == NULL || !h->running || arg[1] >= f->n_hosts)
		return;
	to = &f->peer[arg[0]][arg[1]];
	memset(tx, 0, sizeof(tx));
	memset(&out, 0, sizeof(out));
	if (arg[2] == 0)
		(void)!mp_send_begin(&h->mp, host_now(h), 0, to, 0, 100,
		    (enum mp_send_flag)0, tx);
	else if (arg[2] == 1)
		(void)!mp_bundle_begin(&h->mp, host_now(h), 0, to, 100, 100,
		    10, &b);
	else if (!h->agent_gone)
		(void)!mp_poll(&h->mp, &h->keys, host_now(h), &out, buf,
		    sizeof(buf));
	host_rearm(h, false);
}

void
op_pause(struct field *f, const uint32_t *arg)
{
	struct host *h = field_host(f, arg[0]);

	if (h != NULL)
		host_read_pause(h, arg[1]);
}

void
op_slow(struct field *f, const uint32_t *arg)
{
	struct host *h = field_host(f, arg[0]);

	if (h == NULL)
		return;
	h->late_us = arg[1];
	f->late = true;
}

void
op_clock(struct field *f, const uint32_t *arg)
{
	struct host *h = field_host(f, arg[0]);

	if (h == NULL)
		return;
	h->skew += arg[1];
	if (h->running)
		host_rearm(h, false);
}

void
op_stampless(struct field *f, const uint32_t *arg)
{
	struct host *h = field_host(f, arg[0]);

	if (h != NULL)
		h->stampless = arg[1] != 0;
}

/* --- Keys and sockets ----------------------------------------------------- */

static bool
acts_two(struct field *f, const uint32_t *arg)
{
	return arg[0] < f->n_hosts && arg[1] < f->n_hosts && arg[0] != arg[1] &&
	    (arg[0] == LIST_S || arg[1] == LIST_S);
}

/* The host's keyring without those of the peers that are revoked. */
static void
acts_keys(struct field *f, unsigned host)
{
	struct host *h = &f->host[host];

	mp_keyring_wipe(&h->keys);
	field_keys(f, host, &h->keys);
	if (h->running)
		mp_revoke(&h->mp, &h->keys, host_now(h));
	if (h->running)
		host_rearm(h, false);
	guard_forget(f, host);
}

void
op_revoke(struct field *f, const uint32_t *arg)
{
	if (!acts_two(f, arg) || f->host[arg[0]].agent_gone)
		return;
	f->revoked_at[arg[0]][arg[1]] = f->w.now;
	acts_keys(f, arg[0]);
}

void
op_permit(struct field *f, const uint32_t *arg)
{
	if (!acts_two(f, arg) || f->host[arg[0]].agent_gone)
		return;
	f->revoked_at[arg[0]][arg[1]] = 0;
	acts_keys(f, arg[0]);
}

void
op_close(struct field *f, const uint32_t *arg)
{
	struct host *h = field_host(f, arg[0]);

	if (h == NULL || !h->running || h->agent_gone)
		return;
	mp_slot_close(&h->mp, host_now(h), 0);
	(void)!mp_slot_open(&h->mp, 0, MP_DUAL);
	talk_forget(f, arg[0]);
	guard_forget(f, arg[0]);
	host_rearm(h, false);
}

void
op_mtu(struct field *f, const uint32_t *arg)
{
	struct host *h = field_host(f, arg[0]);
	struct session *s = acts_session(f, arg[0], arg[1]);

	if (s == NULL)
		return;
	mp_session_probe_mtu(&h->mp, host_now(h), state_index(&h->mp, s));
	host_rearm(h, false);
}

void
op_claim(struct field *f, const uint32_t *arg)
{
	struct host *h = field_host(f, arg[0]);
	unsigned k;

	if (h == NULL)
		return;
	for (k = 0; k < arg[1] && k < FIELD_VICTIMS; k++) {
		memset(&h->bogus[k], 0, sizeof(h->bogus[k]));
		memcpy(h->bogus[k].ip, field_victim(k).ip, 16);
		h->bogus[k].ifindex = h->iface[0]->ifindex;
		h->bogus[k].mtu = 1500;
	}
	h->n_bogus = k;
	f->suspect[arg[0]] = true;
	f->unordered = true;
	host_addrs_changed(h);
}
