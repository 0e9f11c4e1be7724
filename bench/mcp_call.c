/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What does a call of a server's tool cost whoever uses the library? The way through everything: consent, arguments, the
 * protocol, the sandbox's pipes, the result. The floor is the same server behind two bare pipes. */
#include "harness.h"
#include "mcp_rig.h"
#include "rig.h"

#include "base/cleanup.h"
#include "base/fd.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TOOL "read"

static const char arguments[] =
	"{\"path\":\"some/file/of/a/workspace.txt\",\"from\":1,\"to\":200,\"query\":\"what is looked "
	"for in that file, in words\",\"deep\":true,\"more\":[1,2,3,4,5,6,7,8,9,10,11,12,13,1400]}";

struct subject {
	struct rig rig;
	struct capsule *capsule;
};

static int64_t run_call(void *arg, uint64_t count)
{
	struct subject *subject = arg;
	int64_t begin = bench_now();

	for (uint64_t i = 0; i < count; i++)
		(void)rig_call(&subject->rig, subject->capsule, TOOL, arguments, sizeof arguments - 1);
	return bench_now() - begin;
}

static int64_t run_bare(void *arg, uint64_t count)
{
	return bare_run(arg, TOOL, arguments, count, 1);
}

static void copy_program(const char *from, const char *to)
{
	HOLD(buffer_fini) struct buffer bytes = { 0 };
	HOLD(fd_drop) int in = open(from, O_RDONLY | O_CLOEXEC);
	HOLD(fd_drop) int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);

	if (in < 0 || out < 0 || fd_read_all(in, BUFFER_MAX, &bytes) != 0 ||
		fd_write_all(out, buffer_span(&bytes)) != 0)
		bench_fail("%s can't be copied", from);
}

int main(int argc, char **argv)
{
	const char *guests = bench_guests(argc, argv);
	static char least[PATH_MAX], copy[PATH_MAX];
	const char *const words[] = { least, NULL };
	struct subject subject;
	struct bare bare;
	const struct bench_case cases[] = {
		{ "mcp.call", "µs", 1000, run_call, &subject },
		{ "floor.mcp.call", "µs", 1000, run_bare, &bare },
	};

	(void)snprintf(least, sizeof least, "%s/least", guests);
	rig_open(&subject.rig, guests, NULL);
	rig_write(&subject.rig, "served", NULL, "",
		"[capabilities]\nhost_process = [\"./least\"]\n"
		"[[mcp_server]]\nid = \"least\"\ntype = \"stdio\"\ncommand = \"./least\"\n");
	(void)snprintf(copy, sizeof copy, "%s/served/least", subject.rig.folder);
	copy_program(least, copy);
	subject.capsule = rig_load_written(&subject.rig, "served");
	bare_start(&bare, words);
	bare_greet(&bare);
	bench_run(cases, sizeof cases / sizeof cases[0]);
	bare_stop(&bare);
	rig_unload(&subject.rig, subject.capsule);
	rig_close(&subject.rig);
	return 0;
}
