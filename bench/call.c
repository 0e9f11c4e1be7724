/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What does a warm call of a tool cost, from the embedder's call to the end of its operation, by size of its arguments?
 * The floor gets the bytes that the product's guest gets, ready made: the JSON work of the host is in the product's figure
 * only. */
#include "floor.h"
#include "harness.h"
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD "{\"path\":\"src/main.rs\",\"limit\":100,\"text\":\""
#define TAIL "\"}"
#define REQUEST "{\"name\":\"run\",\"arguments\":["

struct size {
	const char *name, *floor_name;
	size_t bytes; /* of arguments; 0: `{}` for the guest that reads nothing */
};

static const struct size sizes[] = {
	{ "call.0", "floor.call.0", 0 },
	{ "call.165", "floor.call.165", 165 },
	{ "call.4k", "floor.call.4k", 4096 },
	{ "call.64k", "floor.call.64k", 65536 },
	{ "call.1m", "floor.call.1m", 1048576 },
};

#define BULK_BYTES 65536
#define SIZES (sizeof sizes / sizeof sizes[0])

struct subject {
	struct rig *rig;
	struct capsule *capsule;
	struct floor *floor;
	char *arguments, *input; /* what the embedder gives, what the guest gets */
	size_t arguments_len, input_len, answer_len;
};

/* An object of exactly `len` bytes. */
static char *make_arguments(size_t len, size_t *made)
{
	char *text = malloc(len + sizeof HEAD);

	if (text == NULL)
		bench_fail("out of memory");
	*made = len;
	if (len == 0) {
		*made = 2;
		return memcpy(text, "{}", 3);
	}
	memcpy(text, HEAD, sizeof HEAD - 1);
	memset(text + sizeof HEAD - 1, 'x', len - (sizeof HEAD - 1) - (sizeof TAIL - 1));
	memcpy(text + len - (sizeof TAIL - 1), TAIL, sizeof TAIL);
	return text;
}

/* The request in which a guest finds them: a JSON array of bytes. */
static char *make_input(const char *arguments, size_t len, size_t *made)
{
	char *text = malloc(sizeof REQUEST + 4 * len + 2), *at = text;

	if (text == NULL)
		bench_fail("out of memory");
	at = mempcpy(at, REQUEST, sizeof REQUEST - 1);
	for (size_t i = 0; i < len; i++)
		at += snprintf(at, 5, i == 0 ? "%d" : ",%d", (unsigned char)arguments[i]);
	at = mempcpy(at, "]}", 2);
	*made = (size_t)(at - text);
	return text;
}

static int64_t run_call(void *arg, uint64_t count)
{
	const struct subject *subject = arg;
	int64_t start = bench_now();

	for (uint64_t i = 0; i < count; i++) {
		size_t len = rig_call(
			subject->rig, subject->capsule, "run", subject->arguments, subject->arguments_len);

		if (len != subject->answer_len)
			bench_fail("the answer has %zu bytes instead of %zu", len, subject->answer_len);
	}
	return bench_now() - start;
}

static int64_t run_floor(void *arg, uint64_t count)
{
	const struct subject *subject = arg;
	int64_t start = bench_now();

	for (uint64_t i = 0; i < count; i++)
		if (floor_call(subject->floor, subject->input, subject->input_len) != subject->answer_len)
			bench_fail("floor: another answer than expected");
	return bench_now() - start;
}

/* Bytes as they are, through the imports for bytes in bulk. */
static int64_t run_bulk(void *arg, uint64_t count)
{
	const struct subject *subject = arg;
	int64_t start = bench_now();

	for (uint64_t i = 0; i < count; i++)
		if (rig_call_export(subject->rig, subject->capsule, "bulk", subject->input, subject->input_len) !=
			subject->answer_len)
			bench_fail("bulk: another answer than expected");
	return bench_now() - start;
}

static struct subject make_bulk(struct rig *rig)
{
	struct subject subject = { .rig = rig, .capsule = rig_load(rig, "bulk", "bulk", "run") };

	subject.input = make_arguments(BULK_BYTES, &subject.input_len);
	subject.answer_len = subject.input_len;
	return subject;
}

int main(int argc, char **argv)
{
	const char *guests = bench_guests(argc, argv);
	struct floor *nop_floor = floor_open(guests, "nop", "astrid_tool_call");
	struct floor *echo_floor = floor_open(guests, "echo", "astrid_tool_call");
	struct bench_case cases[2 * SIZES + 1];
	struct subject subjects[SIZES], bulk;
	struct capsule *nop, *echo;
	struct rig rig;

	rig_open(&rig, guests, NULL);
	nop = rig_load(&rig, "nop", "nop", "run");
	echo = rig_load(&rig, "echo", "echo", "run");
	bulk = make_bulk(&rig);
	cases[2 * SIZES] = (struct bench_case){ "call.bulk.64k", "µs", 1000, run_bulk, &bulk };
	for (size_t i = 0; i < SIZES; i++) {
		struct subject *subject = &subjects[i];
		bool empty = sizes[i].bytes == 0;

		*subject = (struct subject){ .rig = &rig };
		subject->capsule = empty ? nop : echo;
		subject->floor = empty ? nop_floor : echo_floor;
		subject->arguments = make_arguments(sizes[i].bytes, &subject->arguments_len);
		subject->input = make_input(subject->arguments, subject->arguments_len, &subject->input_len);
		subject->answer_len = empty ? 0 : subject->input_len;
		cases[2 * i] = (struct bench_case){ sizes[i].name, "µs", 1000, run_call, subject };
		cases[2 * i + 1] = (struct bench_case){ sizes[i].floor_name, "µs", 1000, run_floor, subject };
	}
	bench_run(cases, 2 * SIZES + 1);
	for (size_t i = 0; i < SIZES; i++) {
		free(subjects[i].arguments);
		free(subjects[i].input);
	}
	free(bulk.input);
	rig_close(&rig);
	floor_close(nop_floor);
	floor_close(echo_floor);
	return 0;
}
