/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What do key-value functions cost a guest, with the state in a database on disk? Each put writes another value. */
#include "harness.h"
#include "rig.h"

#include <inttypes.h>
#include <stdio.h>

struct subject {
	struct rig rig;
	struct capsule *capsule;
};

static int64_t run_tool(struct subject *subject, const char *tool, uint64_t count)
{
	char arguments[32];
	int len = snprintf(arguments, sizeof arguments, "%" PRIu64, count);
	int64_t start = bench_now();

	(void)rig_call(&subject->rig, subject->capsule, tool, arguments, (size_t)len);
	return bench_now() - start;
}

static int64_t run_get(void *arg, uint64_t count)
{
	return run_tool(arg, "get", count);
}

static int64_t run_put(void *arg, uint64_t count)
{
	return run_tool(arg, "put", count);
}

int main(int argc, char **argv)
{
	struct subject subject = { 0 };
	const struct bench_case cases[] = {
		{ "kv.get", "µs", 1000, run_get, &subject },
		{ "kv.put", "µs", 1000, run_put, &subject },
	};

	rig_open(&subject.rig, bench_guests(argc, argv), NULL);
	subject.capsule = rig_load(&subject.rig, "calls", "calls", "get put");
	(void)run_put(&subject, 1);
	bench_run(cases, sizeof cases / sizeof cases[0]);
	rig_close(&subject.rig);
	return 0;
}
