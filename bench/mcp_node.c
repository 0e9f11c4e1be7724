/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What does a request cost beside the time that a server in Node takes, as most servers are? Two processes of the same
 * server, made with the official kit: one behind the protocol client, one behind two bare pipes. */
#include "harness.h"
#include "mcp_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int64_t run_ours(void *arg, uint64_t count)
{
	return mcp_rig_run(arg, NULL, NULL, count, 1);
}

static int64_t run_bare(void *arg, uint64_t count)
{
	return bare_run(arg, NULL, NULL, count, 1);
}

int main(int argc, char **argv)
{
	static char guests[PATH_MAX];
	static char script[PATH_MAX], kit[PATH_MAX];
	const char *const words[] = { "/usr/bin/node", script, kit, NULL };
	struct mcp_rig rig;
	struct bare bare;
	const struct bench_case cases[] = {
		{ "mcp.roundtrip.node", "µs", 1000, run_ours, &rig },
		{ "floor.mcp.roundtrip.node", "µs", 1000, run_bare, &bare },
	};

	if (realpath(bench_guests(argc, argv), guests) == NULL)
		bench_fail("no folder of guests");
	(void)snprintf(
		script, sizeof script, "%.4000s/sdk.cjs", guests); /* absolute: a server begins in another folder */
	(void)snprintf(kit, sizeof kit, "%.4000s/../peers", guests);
	if (access(words[0], X_OK) != 0 || access(script, R_OK) != 0 || access(kit, X_OK) != 0)
		bench_fail("no %s, no %s or no %s; tools/setup installs what there has to be", words[0], script, kit);
	mcp_rig_open(&rig, guests);
	rig.server = mcp_rig_start(&rig, words, NULL);
	bare_start(&bare, words);
	bare_greet(&bare);
	bench_run(cases, sizeof cases / sizeof cases[0]);
	bare_stop(&bare);
	mcp_stdio_free(rig.server);
	mcp_rig_close(&rig);
	return 0;
}
