/* SPDX-License-Identifier: ISC */
/*
 * scenarios: the tables of all scenarios, by topic.
 *
 * To add one: write its steps and expectations beside others like it (act.h
 * says what can happen, measure.h what can be measured), and a row in the
 * table at the end of that file.
 */
#ifndef SIM_SCENARIOS_H
#define SIM_SCENARIOS_H

#include "run.h"

/* Each ends with an empty row. */
extern const struct scenario scenarios_paper[];
extern const struct scenario scenarios_faults[];
extern const struct scenario scenarios_moves[];
extern const struct scenario scenarios_quality[];
extern const struct scenario scenarios_life[];
extern const struct scenario scenarios_cost[];
extern const struct scenario scenarios_random[];
extern const struct scenario scenarios_hosts[];
extern const struct scenario scenarios_links[];
extern const struct scenario scenarios_pool[];
extern const struct scenario scenarios_askers[];

/* Shared: a key each 200 ms and its echo; a call, 50 a second each way. */
extern const struct traffic_row traffic_keys[];
extern const struct traffic_row traffic_call[];
/* A client with paths of 20 and 60 ms round trip to a server's address. */
extern const struct place places_two[];
/* Two links, 20 and 60 ms, each with an address at either end. */
extern const struct place places_links[];

#endif
