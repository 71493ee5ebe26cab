/* SPDX-License-Identifier: ISC */
#include "act.h"

#include <err.h>
#include <string.h>

#include "host.h"
#include "mp.h"
#include "net.h"
#include "run.h"
#include "traffic.h"
#include "world.h"

#define BOTH_WAYS(name, field)                                             \
	void name(struct run *r, const struct step *s)                     \
	{                                                                  \
		struct iface *i = run_iface(r, s->where);                  \
                                                                           \
		i->out.field = i->in.field = (uint32_t)s->n;               \
	}

BOTH_WAYS(act_delay, delay_us)
BOTH_WAYS(act_jitter, jitter_us)
BOTH_WAYS(act_loss, loss_ppm)
BOTH_WAYS(act_dup, dup_ppm)
BOTH_WAYS(act_eats, eats)

void
act_reorder(struct run *r, const struct step *s)
{
	struct iface *i = run_iface(r, s->where);

	i->out.reorder_ppm = i->in.reorder_ppm = (uint32_t)s->n;
	i->out.reorder_us = i->in.reorder_us = MS(20);
}

/* With a queue of 100 ms. */
void
act_rate(struct run *r, const struct step *s)
{
	struct iface *i = run_iface(r, s->where);

	i->out.rate_kbps = i->in.rate_kbps = (uint32_t)s->n;
	i->out.queue = i->in.queue = (uint32_t)(s->n * 100 / 8);
}

void
act_loss_out(struct run *r, const struct step *s)
{
	run_iface(r, s->where)->out.loss_ppm = (uint32_t)s->n;
}

void
act_loss_in(struct run *r, const struct step *s)
{
	run_iface(r, s->where)->in.loss_ppm = (uint32_t)s->n;
}

void
act_cut(struct run *r, const struct step *s)
{
	struct iface *i = run_iface(r, s->where);

	i->out.black = i->in.black = BLACK_ALL;
}

void
act_cut_out(struct run *r, const struct step *s)
{
	run_iface(r, s->where)->out.black = BLACK_ALL;
}

void
act_cut_in(struct run *r, const struct step *s)
{
	run_iface(r, s->where)->in.black = BLACK_ALL;
}

void
act_cut_family(struct run *r, const struct step *s)
{
	struct iface *i = run_iface(r, s->where);

	i->out.black = i->in.black = s->n == 4 ? BLACK_V4 : BLACK_V6;
}

void
act_mend(struct run *r, const struct step *s)
{
	struct iface *i = run_iface(r, s->where);

	i->out.black = i->in.black = 0;
}

void
act_pair_loss(struct run *r, const struct step *s)
{
	net_pair(&r->net, run_iface(r, s->where), run_iface(r, s->text))
	    ->loss_ppm = (uint32_t)s->n;
}

static void
link_set(struct run *r, const struct step *s, bool down)
{
	struct iface *i = run_iface(r, s->where);

	i->down = down;
	host_addrs_changed(i->host);
	host_link_event(i->host, i->ifindex);
}

void
act_link_down(struct run *r, const struct step *s)
{
	link_set(r, s, true);
}

void
act_link_up(struct run *r, const struct step *s)
{
	link_set(r, s, false);
}

void
act_addr_del(struct run *r, const struct step *s)
{
	struct iface *i = run_iface(r, s->where);
	struct mp_addr a = net_addr(s->text, HOST_PORT);
	unsigned k;

	for (k = 0; k < i->n_addrs; k++)
		if (net_addr_same_ip(&i->addrs[k], &a))
			break;
	if (k == i->n_addrs)
		errx(2, "%s has no address %s", s->where, s->text);
	i->n_addrs--;
	memmove(&i->addrs[k], &i->addrs[k + 1], (i->n_addrs - k) * sizeof(a));
	host_addrs_changed(i->host);
}

void
act_addr_add(struct run *r, const struct step *s)
{
	struct iface *i = run_iface(r, s->where);

	if (i->n_addrs == IFACE_ADDRS_MAX)
		errx(2, "%s: too many addresses", s->where);
	i->addrs[i->n_addrs++] = net_addr(s->text, HOST_PORT);
	host_addrs_changed(i->host);
}

void
act_addr_move(struct run *r, const struct step *s)
{
	run_iface(r, s->where)->n_addrs = 0;
	act_addr_add(r, s);
}

void
act_stop(struct run *r, const struct step *s)
{
	host_stop(run_host(r, s->where));
}

/* Restarts it. */
void
act_resend_age(struct run *r, const struct step *s)
{
	struct host *h = run_host(r, s->where);

	h->resend_us = (uint32_t)s->n;
	host_start(h);
}

void
act_start(struct run *r, const struct step *s)
{
	struct host *h = run_host(r, s->where);

	if (h->end == 'B')
		traffic_forget(&r->traffic, h);
	host_start(h);
}

void
act_read_pause(struct run *r, const struct step *s)
{
	host_read_pause(run_host(r, s->where), s->n);
}

void
act_read_every(struct run *r, const struct step *s)
{
	host_read_every(run_host(r, s->where), s->n);
}

void
act_claim(struct run *r, const struct step *s)
{
	struct host *h = run_host(r, s->where);
	struct mp_addr a = net_addr("81.66.0.0", 0);
	uint64_t k;

	for (k = 0; k < s->n && k < MP_LOCALS_MAX; k++) {
		a.ip[15] = (uint8_t)(k + 1);
		memcpy(h->bogus[k].ip, a.ip, sizeof(a.ip));
		h->bogus[k].ifindex = h->iface[0]->ifindex;
		h->bogus[k].mtu = 1500;
	}
	h->n_bogus = (unsigned)k;
	host_addrs_changed(h);
}

void
act_nat_forget_after(struct run *r, const struct step *s)
{
	net_nat(&r->net, s->where)->forget_us = s->n;
}

void
act_nat_flush(struct run *r, const struct step *s)
{
	nat_flush(net_nat(&r->net, s->where));
}

void
act_nat_balance(struct run *r, const struct step *s)
{
	net_nat(&r->net, s->where)->balances = true;
}
