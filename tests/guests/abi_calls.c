/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Tools that end in every way in which a call can end. */
#include "capsule_guest.h"

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
	struct guest_writer out = { 0 };

	guest_write_integer(&out, number);
	return guest_answer(&out);
}

static int64_t number_of(struct guest_bytes arguments, const char *name)
{
	int64_t number = 0;

	(void)guest_json_integer(arguments, name, &number);
	return number;
}

static int32_t input(struct guest_bytes arguments)
{
	uint64_t length = extism_input_length(), handle = extism_alloc(length);

	(void)arguments;
	for (uint64_t i = 0; i < length; i++)
		extism_store_u8(handle + i, extism_input_load_u8(i));
	extism_output_set(handle, length);
	return 0;
}

static int32_t quoted(struct guest_bytes arguments)
{
	(void)arguments;
	return guest_output(guest_text("\"x\""));
}

static int32_t not_utf8(struct guest_bytes arguments)
{
	(void)arguments;
	return guest_output(guest_text("a\xff"
				       "b\xe2\x82"));
}

static int32_t nothing(struct guest_bytes arguments)
{
	(void)arguments;
	return 0;
}

static int32_t seven(struct guest_bytes arguments)
{
	(void)arguments;
	return 7;
}

static int32_t boom(struct guest_bytes arguments)
{
	(void)arguments;
	(void)guest_fail("boom");
	return 0;
}

__attribute__((noinline)) static void fall_over(void)
{
	turns++;
	__builtin_trap();
}

static int32_t crash(struct guest_bytes arguments)
{
	(void)arguments;
	counter++;
	fall_over();
	return 0;
}

static int32_t spin(struct guest_bytes arguments)
{
	(void)arguments;
	for (;;)
		turns++;
}

static int32_t count(struct guest_bytes arguments)
{
	(void)arguments;
	return answer_number(++counter);
}

static int32_t count_and_fail(struct guest_bytes arguments)
{
	(void)arguments;
	counter++;
	return guest_fail("counted and failed");
}

static int64_t now_ms(void)
{
	struct guest_bytes text;
	int64_t now = 0;

	if (guest_take(astrid_clock_ms(), &text))
		(void)guest_parse_integer(text, &now);
	guest_reset();
	return now;
}

/* Work for as long as {"ms"} says, at least. */
static int32_t burn(struct guest_bytes arguments)
{
	int64_t end = now_ms() + number_of(arguments, "ms");

	while (now_ms() < end)
		for (int i = 0; i < 10000; i++)
			turns++;
	return guest_output(guest_text("burnt"));
}

/* Sleep for as long as {"ms"} says. */
static int32_t rest(struct guest_bytes arguments)
{
	const struct subscription clock = { .clock = CLOCK_MONOTONIC,
		.timeout_ns = (uint64_t)number_of(arguments, "ms") * NS_PER_MS };
	uint64_t event[4];
	uint32_t stored = 0;

	if (wasi_poll_oneoff(&clock, event, 1, &stored) != 0 || stored != 1)
		return guest_fail("the sleep failed");
	return guest_output(guest_text("rested"));
}

static int32_t leave(struct guest_bytes arguments)
{
	(void)guest_output(guest_text("left behind"));
	wasi_proc_exit((uint32_t)number_of(arguments, "status"));
	return 0;
}

GUEST_EXPORT(astrid_tool_call)
{
	static const struct guest_tool tools[] = {
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

	return guest_dispatch(tools, sizeof tools / sizeof tools[0]);
}
