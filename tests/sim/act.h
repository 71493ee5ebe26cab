/* SPDX-License-Identifier: ISC */
/*
 * act: the actions of a scenario's steps.
 *
 * `where' is an interface ("c.wifi") unless said otherwise; `n' and `text'
 * are what the line says.
 */
#ifndef SIM_ACT_H
#define SIM_ACT_H

struct run;
struct step;

/* Both ways: n = us, us, ppm, ppm, ppm (late by 20 ms), kbit/s, bytes. */
void act_delay(struct run *, const struct step *);
void act_jitter(struct run *, const struct step *);
void act_loss(struct run *, const struct step *);
void act_dup(struct run *, const struct step *);
void act_reorder(struct run *, const struct step *);
void act_rate(struct run *, const struct step *);
void act_eats(struct run *, const struct step *);
/* One way, n = ppm. */
void act_loss_out(struct run *, const struct step *);
void act_loss_in(struct run *, const struct step *);

/* Packets vanish silently: both ways, one way, one family (n = 4, 6). */
void act_cut(struct run *, const struct step *);
void act_cut_out(struct run *, const struct step *);
void act_cut_in(struct run *, const struct step *);
void act_cut_family(struct run *, const struct step *);
void act_mend(struct run *, const struct step *);
/* Between two interfaces, the other is text; n = ppm of loss one way. */
void act_pair_loss(struct run *, const struct step *);

/* The carrier goes, comes; the host notices. */
void act_link_down(struct run *, const struct step *);
void act_link_up(struct run *, const struct step *);
/* An address, text, goes, comes; or all go and this one comes. */
void act_addr_del(struct run *, const struct step *);
void act_addr_add(struct run *, const struct step *);
void act_addr_move(struct run *, const struct step *);

/* The program of host `where' ends, starts. */
void act_stop(struct run *, const struct step *);
void act_resend_age(struct run *, const struct step *);
void act_start(struct run *, const struct step *);
/* It reads nothing for n us; or it reads all once in n us, 0: at once. */
void act_read_pause(struct run *, const struct step *);
void act_read_every(struct run *, const struct step *);

/* Host `where' claims n more addresses, which other hosts may have. */
void act_claim(struct run *, const struct step *);

/* The NAT at address `where' forgets after n us of silence; forgets now. */
void act_nat_forget_after(struct run *, const struct step *);
void act_nat_flush(struct run *, const struct step *);
/* From now on it gives each flow two ports, in turn. */
void act_nat_balance(struct run *, const struct step *);

#endif
