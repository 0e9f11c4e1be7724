/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A million events under every policy, while receivers, lanes and inboxes come and go, beside the model. */
#include "bus/bus_drive.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void books_close_however_it_goes(void **state)
{
	static const uint64_t seeds[] = { 1, 0x9e3779b97f4a7c15, 0xda942042e4dd58b5, 20260801 };

	(void)state;
	for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++) {
		const struct bus_drive_input input = { .seed = seeds[i], .events_most = 250000, .deep_every = 16 };

		assert_int_equal(bus_drive(&input), 250000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(books_close_however_it_goes),
	};

	return cmocka_run_group_tests_name("bus_random", tests, NULL, NULL);
}
