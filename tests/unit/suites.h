/* SPDX-License-Identifier: ISC */
/* One suite for each file of core/, in check_NAME.c. */
#ifndef SUITES_H
#define SUITES_H

#include <check.h>

Suite *suite_addr(void);
Suite *suite_behaviours(void);
Suite *suite_budget(void);
Suite *suite_bundle_in(void);
Suite *suite_bundle_out(void);
Suite *suite_child(void);
Suite *suite_child_in(void);
Suite *suite_control(void);
Suite *suite_crypto(void);
Suite *suite_endpoint(void);
Suite *suite_faults(void);
Suite *suite_flow(void);
Suite *suite_gather(void);
Suite *suite_handshake(void);
Suite *suite_hostile(void);
Suite *suite_info(void);
Suite *suite_initiator(void);
Suite *suite_keyring(void);
Suite *suite_keys(void);
Suite *suite_life(void);
Suite *suite_loss(void);
Suite *suite_noise(void);
Suite *suite_offload(void);
Suite *suite_option(void);
Suite *suite_output(void);
Suite *suite_part(void);
Suite *suite_part_order(void);
Suite *suite_path(void);
Suite *suite_path_choice(void);
Suite *suite_peer(void);
Suite *suite_policy(void);
Suite *suite_pool(void);
Suite *suite_primary(void);
Suite *suite_probe(void);
Suite *suite_ratelimit(void);
Suite *suite_recent(void);
Suite *suite_recv(void);
Suite *suite_renewal(void);
Suite *suite_replay(void);
Suite *suite_replays(void);
Suite *suite_responder(void);
Suite *suite_returns(void);
Suite *suite_revoke(void);
Suite *suite_route(void);
Suite *suite_rtt(void);
Suite *suite_scribble(void);
Suite *suite_seal(void);
Suite *suite_send(void);
Suite *suite_session(void);
Suite *suite_share(void);
Suite *suite_size(void);
Suite *suite_staged(void);
Suite *suite_stir(void);
Suite *suite_table(void);
Suite *suite_takeover(void);
Suite *suite_ticket(void);
Suite *suite_timers(void);
Suite *suite_wakeups(void);
Suite *suite_wire(void);

#endif
