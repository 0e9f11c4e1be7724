/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Tools that end in every way in which a call can end. */
#include <capsule_guest.h>

#define WASI(name) __attribute__((import_module("wasi_snapshot_preview1"), import_name(#name)))

WASI(proc_exit) void wasi_proc_exit(uint32_t status);
WASI(poll_oneoff) uint32_t wasi_poll_oneoff(const void *in, void *out, uint32_t count, uint32_t *stored);

#define CLOCK_MONOTONIC 1
#define NS_PER_MS 1000000

struct subscription {
	uint64_t userdata;
	uint64_t tag; /* 0: a clock */
	uint32_t clock;
	uint64_t timeout_ns, precision_ns;
	uint64_t flags;
};

static int32_t counter;
static volatile uint32_t turns;

static int32_t answer_number(int64_t number)
{
	guest_output(guest_join(number));
	return 0;
}

static int32_t input(struct guest_value args)
{
	uint64_t length = extism_input_length(), handle = extism_alloc(length);

	(void)args;
	for (uint64_t i = 0; i < length; i++)
		extism_store_u8(handle + i, extism_input_load_u8(i));
	extism_output_set(handle, length);
	return 0;
}

static int32_t quoted(struct guest_value args)
{
	(void)args;
	guest_output("\"x\"");
	return 0;
}

static int32_t not_utf8(struct guest_value args)
{
	(void)args;
	guest_output("a\xff"
		     "b\xe2\x82");
	return 0;
}

static int32_t nothing(struct guest_value args)
{
	(void)args;
	return 0;
}

static int32_t seven(struct guest_value args)
{
	(void)args;
	return 7;
}

static int32_t boom(struct guest_value args)
{
	(void)args;
	guest_fail("boom");
	(void)guest_end_call();
	return 0;
}

__attribute__((noinline)) static void fall_over(void)
{
	turns++;
	__builtin_trap();
}

static int32_t crash(struct guest_value args)
{
	(void)args;
	counter++;
	fall_over();
	return 0;
}

static int32_t spin(struct guest_value args)
{
	(void)args;
	for (;;)
		turns++;
}

static int32_t count(struct guest_value args)
{
	(void)args;
	return answer_number(++counter);
}

static int32_t count_and_fail(struct guest_value args)
{
	(void)args;
	counter++;
	guest_fail("counted and failed");
	return guest_end_call();
}

/* Work for as long as {"ms"} says, at least. */
static int32_t burn(struct guest_value args)
{
	int64_t end = guest_now_ms() + guest_get_integer(args, "ms");

	while (guest_now_ms() < end)
		for (int i = 0; i < 10000; i++)
			turns++;
	guest_output("burnt");
	return 0;
}

/* Sleep for as long as {"ms"} says. */
static int32_t rest(struct guest_value args)
{
	const struct subscription clock = { .clock = CLOCK_MONOTONIC,
		.timeout_ns = (uint64_t)guest_get_integer(args, "ms") * NS_PER_MS };
	uint64_t event[4];
	uint32_t stored = 0;

	if (wasi_poll_oneoff(&clock, event, 1, &stored) != 0 || stored != 1)
		guest_fail("the sleep failed");
	guest_output("rested");
	return guest_end_call();
}

static int32_t leave(struct guest_value args)
{
	guest_output("left behind");
	wasi_proc_exit((uint32_t)guest_get_integer(args, "status"));
	return 0;
}

/* By hand, since tools of the SDK neither choose what the export returns nor fail and succeed at once. */
CAPSULE_EXPORT(astrid_tool_call)
{
	static const struct {
		const char *name;
		int32_t (*call)(struct guest_value args);
	} tools[] = {
		{ "input", input },
		{ "quoted", quoted },
		{ "not_utf8", not_utf8 },
		{ "nothing", nothing },
		{ "seven", seven },
		{ "boom", boom },
		{ "crash", crash },
		{ "spin", spin },
		{ "count", count },
		{ "count_and_fail", count_and_fail },
		{ "burn", burn },
		{ "rest", rest },
		{ "leave", leave },
	};
	struct guest_document document;
	struct guest_bytes name, arguments;

	guest_begin_call();
	if (!guest_request_read(&name, &arguments))
		return guest_end_call();
	for (size_t i = 0; i < sizeof tools / sizeof tools[0]; i++)
		if (guest_equal(name, tools[i].name))
			return tools[i].call(guest_json_open(&document, arguments, name));
	guest_fail("Unknown tool: ", name);
	return guest_end_call();
}
