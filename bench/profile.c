/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What do the other profiles of the engine cost? The same calls under each, turn by turn: a short one, and one in which the guest
 * reads and writes for most of the time. */
#include "harness.h"
#include "rig.h"

#include <string.h>

#define SHORT 165
#define LONG ((size_t)65536)

struct subject {
	struct rig *rig;
	struct capsule *capsule;
	size_t len; /* of the arguments */
};

static char arguments[LONG + 1];

/* A JSON string of `len` bytes, cut out of the one text. */
static int64_t run(void *arg, uint64_t count)
{
	const struct subject *subject = arg;
	int64_t start;

	memset(arguments, 'x', subject->len);
	arguments[0] = '"';
	arguments[subject->len - 1] = '"';
	start = bench_now();
	for (uint64_t i = 0; i < count; i++)
		(void)rig_call(subject->rig, subject->capsule, "run", arguments, subject->len);
	return bench_now() - start;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *short_name, *long_name;
		struct capsule_runtime_options options;
	} profiles[] = {
		{ "profile.usual.165", "profile.usual.64k", { .memory_pages = 0 } },
		{ "profile.nosignals.165", "profile.nosignals.64k", { .no_signal_handlers = true } },
		{ "profile.small.165", "profile.small.64k", { .memory_pages = 64, .kernel_pages = 160 } },
	};
	enum { COUNT = sizeof profiles / sizeof profiles[0] };
	const char *guests = bench_guests(argc, argv);
	struct bench_case cases[2 * COUNT];
	struct subject subjects[2 * COUNT];
	struct rig rigs[COUNT];

	for (size_t i = 0; i < COUNT; i++) {
		struct capsule *capsule;

		rig_open(&rigs[i], guests, &profiles[i].options);
		capsule = rig_load(&rigs[i], "echo", "echo", "run");
		subjects[2 * i] = (struct subject){ &rigs[i], capsule, SHORT };
		subjects[2 * i + 1] = (struct subject){ &rigs[i], capsule, LONG };
		cases[2 * i] = (struct bench_case){ profiles[i].short_name, "µs", 1000, run, &subjects[2 * i] };
		cases[2 * i + 1] = (struct bench_case){ profiles[i].long_name, "µs", 1000, run, &subjects[2 * i + 1] };
	}
	bench_run(cases, 2 * COUNT);
	for (size_t i = 0; i < COUNT; i++)
		rig_close(&rigs[i]);
	return 0;
}
