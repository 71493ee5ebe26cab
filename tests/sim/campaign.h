/* SPDX-License-Identifier: ISC */
/* campaign: many random lists; and lists from files. */
#ifndef SIM_CAMPAIGN_H
#define SIM_CAMPAIGN_H

/* sim list FILE..., sim shrink FILE, sim make SEED, sim campaign COUNT [SEED
 * [DIR]]: the exit status. */
int campaign_main(int argc, char **argv);

#endif
