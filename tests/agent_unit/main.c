/* SPDX-License-Identifier: ISC */
/* The agent's modules without its processes: the kernel is played by kernel.c,
 * no root is needed, and no test waits. */
#include <sodium.h>

#include "suites.h"

int
main(void)
{
	SRunner *runner;
	int failed;

	if (sodium_init() < 0)
		return 1;
	runner = srunner_create(suite_backlog());
	srunner_add_suite(runner, suite_bind_rule());
	srunner_add_suite(runner, suite_journal());
	srunner_add_suite(runner, suite_port());
	srunner_add_suite(runner, suite_slots());
	srunner_add_suite(runner, suite_socket_gc());
	srunner_add_suite(runner, suite_steering());
	srunner_add_suite(runner, suite_uplink());
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
