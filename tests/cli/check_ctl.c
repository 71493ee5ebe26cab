/* SPDX-License-Identifier: ISC */
#include "suites.h"

int
main(void)
{
	SRunner *runner = srunner_create(suite_status_diff());
	int failed;

	srunner_add_suite(runner, suite_fields());
	srunner_add_suite(runner, suite_links());
	srunner_add_suite(runner, suite_rtnl());
	srunner_add_suite(runner, suite_view());
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
