/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What does one question to the gate cost? With ten entries, as a manifest may have, and with as many as one can hold; answers
 * yes and no take turns. */
#include "harness.h"

#include "base/buffer.h"
#include "gate/gate.h"

#include <stdio.h>

#define QUESTIONS 8

struct subject {
	struct gate *gate;
	enum gate_operation operation;
	const char *operands[QUESTIONS]; /* the even ones are allowed */
};

static int64_t run(void *arg, uint64_t count)
{
	const struct subject *subject = arg;
	struct gate_question questions[QUESTIONS];
	int64_t start;

	for (size_t i = 0; i < QUESTIONS; i++)
		questions[i] = (struct gate_question){ .operation = subject->operation,
			.operand = span_text(subject->operands[i]) };
	start = bench_now();
	for (uint64_t i = 0; i < count; i++) {
		struct gate_decision decision;

		gate_ask(subject->gate, &questions[i % QUESTIONS], &decision);
		if (decision.allowed != (i % 2 == 0))
			bench_fail("a wrong answer for %s", subject->operands[i % QUESTIONS]);
	}
	return bench_now() - start;
}

/* Ten entries that the questions are about, and more up to `count`. */
static struct gate *make_gate(struct manifest **manifest, size_t count)
{
	static const struct gate_roots roots = { .workspace = "/work/projects/capsule",
		.global = "/home/user/.astrid/shared",
		.forbidden = "/home/user/.astrid" };
	struct diagnostics found = { 0 };
	struct buffer text = { 0 };
	struct gate *gate = NULL;
	struct capsule_error err;

	(void)buffer_append_text(
		&text, "[package]\nname = \"bench\"\nversion = \"1.0.0\"\n[capabilities]\nfs_read = [");
	(void)buffer_append_text(
		&text, "\"workspace://notes\", \"workspace://src/main\", \"global://skills\", \"/opt/data\", ");
	for (size_t i = 4; i < count; i++)
		(void)buffer_printf(&text, "\"workspace://folder-%zu/deep\", ", i);
	(void)buffer_append_text(
		&text, "]\nnet = [\"api.github.com\", \"example.com\", \"cdn.example.org\", \"a.test\", ");
	for (size_t i = 4; i < count; i++)
		(void)buffer_printf(&text, "\"host-%zu.example.net\", ", i);
	(void)buffer_append_text(&text, "]\n");
	if (manifest_parse(manifest, buffer_span(&text), "Capsule.toml", &found, &err) != CAPSULE_OK ||
		gate_new_manifest(&gate, *manifest, &roots, GATE_FOR_COMPONENT, &err) != CAPSULE_OK)
		bench_fail("no gate: %s", err.text);
	buffer_fini(&text);
	diagnostics_fini(&found);
	return gate;
}

#define PATHS                                                                                                          \
	{                                                                                                              \
		"/work/projects/capsule/notes/2026/a.txt", "/work/projects/capsule/notes-old/2026/a.txt",              \
			"/work/projects/capsule/src/main/java/App.java",                                               \
			"/work/projects/capsule/src/test/java/App.java",                                               \
			"/home/user/.astrid/shared/skills/s/SKILL.md", "/home/user/.astrid/keys/user.key",             \
			"/opt/data/tables/one.csv", "/etc/ssl/certs/ca-certificates.crt"                               \
	}
#define HOSTS                                                                                                          \
	{                                                                                                              \
		"api.github.com", "github.com", "www.example.com", "notexample.com", "cdn.example.org", "example.org", \
			"x.y.a.test", "169.254.169.254"                                                                \
	}

int main(int argc, char **argv)
{
	struct manifest *manifest = NULL, *large = NULL;
	struct subject path = { .operation = GATE_READ, .operands = PATHS }, path_4k = path;
	struct subject host = { .operation = GATE_HTTP, .operands = HOSTS }, host_4k = host;
	const struct bench_case cases[] = {
		{ "gate.path", "µs", 1000, run, &path },
		{ "gate.path.4k", "µs", 1000, run, &path_4k },
		{ "gate.host", "µs", 1000, run, &host },
		{ "gate.host.4k", "µs", 1000, run, &host_4k },
	};

	(void)bench_guests(argc, argv);
	path.gate = host.gate = make_gate(&manifest, 10);
	path_4k.gate = host_4k.gate = make_gate(&large, 4096);
	bench_run(cases, sizeof cases / sizeof cases[0]);
	gate_free(path.gate);
	gate_free(path_4k.gate);
	manifest_free(manifest);
	manifest_free(large);
	return 0;
}
