/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A guest that does what a script says: an array of steps, each an array of a word and its operands. The tool `do` has it as
 * its argument `steps` and answers with an array of what the steps gave; an interceptor has it in the configuration, under
 * the name of its action, and answers what the step `say` says. With -DRUN the module runs a loop, with the script under
 * "run".
 *
 * Text operands that are numbers N stand for a JSON string of N bytes; "$" stands for what the interceptor got, and what the
 * last step gave. */
#include <capsule_guest.h>

#define WASI(name) __attribute__((import_module("wasi_snapshot_preview1"), import_name(#name)))

WASI(poll_oneoff) uint32_t wasi_poll_oneoff(const void *in, void *out, uint32_t count, uint32_t *stored);

static struct guest_bytes given; /* "$" */

static void run_steps(struct guest_value steps, struct guest_json_writer *out);

static void rest(int64_t ms)
{
	struct {
		uint64_t userdata, tag;
		uint32_t clock;
		uint64_t timeout_ns, precision_ns, flags;
	} in = { .clock = 1, .timeout_ns = (uint64_t)ms * 1000000 };
	uint8_t event[32];
	uint32_t stored;

	wasi_poll_oneoff(&in, event, 1, &stored);
}

/* A JSON string of `size` bytes. */
static struct guest_bytes filled(int64_t size)
{
	uint8_t *data = guest_alloc((size_t)size);

	memset(data, 'x', (size_t)size);
	data[0] = data[size - 1] = '"';
	return guest_bytes_of(data, (size_t)size);
}

static struct guest_bytes text(struct guest_each *operands)
{
	struct guest_bytes bytes;

	if (!guest_next(operands))
		return guest_text("");
	if (guest_kind_of(operands->value) == GUEST_NUMBER)
		return filled(guest_as_integer(operands->value));
	bytes = guest_as_text(operands->value);
	return guest_equal(bytes, "$") ? given : bytes;
}

static void spin(void)
{
	for (volatile uint32_t turns = 0;; turns++)
		;
}

/* Steps that only do something. */
static bool act(struct guest_bytes word, struct guest_each *operands)
{
	struct guest_bytes a, b;

	if (guest_equal(word, "publish")) {
		a = text(operands);
		b = text(operands);
		guest_ipc_publish(a, b);
	} else if (guest_equal(word, "unsubscribe")) {
		guest_ipc_unsubscribe(text(operands));
	} else if (guest_equal(word, "ready")) {
		guest_signal_ready();
	} else if (guest_equal(word, "set")) {
		a = text(operands);
		b = text(operands);
		guest_kv_set(a, b);
	} else if (guest_equal(word, "write")) {
		a = text(operands);
		b = text(operands);
		guest_write_file(a, b);
	} else if (guest_equal(word, "log")) {
		guest_info(text(operands));
	} else if (guest_equal(word, "rest")) {
		if (guest_next(operands))
			rest(guest_as_integer(operands->value));
	} else if (guest_equal(word, "say")) {
		guest_answer(text(operands));
	} else if (guest_equal(word, "fail")) {
		guest_fail(text(operands));
	} else if (guest_equal(word, "trap")) {
		__builtin_trap();
	} else if (guest_equal(word, "spin")) {
		spin();
	} else {
		return false;
	}
	return true;
}

/* Steps that give something, as text. */
static struct guest_bytes ask(struct guest_bytes word, struct guest_each *operands)
{
	struct guest_bytes a, b, c;

	if (guest_equal(word, "subscribe"))
		return guest_ipc_subscribe(text(operands));
	if (guest_equal(word, "poll"))
		return guest_ipc_poll(text(operands));
	if (guest_equal(word, "handles"))
		return guest_get_interceptor_handles();
	if (guest_equal(word, "caller"))
		return guest_get_caller();
	if (guest_equal(word, "get"))
		return guest_kv_get(text(operands));
	if (guest_equal(word, "hook"))
		return guest_trigger_hook(text(operands));
	if (guest_equal(word, "read"))
		return guest_read_file(text(operands));
	if (guest_equal(word, "spawn"))
		return guest_spawn_host(text(operands));
	if (guest_equal(word, "start"))
		return guest_spawn_background_host(text(operands));
	if (guest_equal(word, "logs"))
		return guest_read_process_logs_host(text(operands));
	if (guest_equal(word, "kill"))
		return guest_kill_process_host(text(operands));
	if (guest_equal(word, "given"))
		return given;
	a = text(operands);
	b = text(operands);
	if (guest_equal(word, "recv"))
		return guest_ipc_recv(a, b);
	c = text(operands);
	if (guest_equal(word, "register"))
		return guest_uplink_register(a, b, c);
	if (guest_equal(word, "send"))
		return guest_uplink_send(a, b, c);
	guest_fail("no step `", word, "`");
	return guest_text("");
}

/* ["times", N, STEPS]; without an end when N is negative. */
static void repeat(struct guest_each *operands, struct guest_json_writer *out)
{
	int64_t times = guest_next(operands) ? guest_as_integer(operands->value) : 0;
	struct guest_value steps;

	if (!guest_next(operands))
		return;
	steps = operands->value;
	for (int64_t i = 0; times < 0 || i < times; i++) {
		struct guest_json_writer unseen = { .comma = false };

		guest_begin_array(&unseen);
		run_steps(steps, times < 0 ? &unseen : out);
		if (guest_failed())
			return;
	}
}

static void run_steps(struct guest_value steps, struct guest_json_writer *out)
{
	for (struct guest_each step = guest_each(steps); !guest_failed() && guest_next(&step);) {
		struct guest_each operands = guest_each(step.value);
		struct guest_bytes word = text(&operands);

		if (guest_equal(word, "times")) {
			repeat(&operands, out);
		} else if (!act(word, &operands)) {
			given = ask(word, &operands);
			guest_add_text(out, given);
		}
	}
}

CAPSULE_TOOL(do)
{
	given = guest_text("");
	guest_begin_array(out);
	run_steps(guest_get(args, "steps"), out);
	guest_end(out);
}

CAPSULE_TOOL(dotted, "do.it")
{
	guest_answer(guest_arguments());
}

/* Whatever the action is called. */
CAPSULE_EXPORT(astrid_hook_trigger)
{
	struct guest_json_writer out = { .comma = false };
	struct guest_bytes script;

	guest_begin_call();
	if (guest_request_read(&guest_call.name, &guest_call.arguments)) {
		given = guest_call.arguments;
		script = guest_get_config(guest_call.name);
		guest_begin_array(&out);
		if (script.len > 0)
			run_steps(guest_json(script, "the script"), &out);
		if (guest_call.answered)
			guest_output_bytes(guest_call.answer);
	}
	return guest_end_call();
}

#ifdef RUN
CAPSULE_RUN
{
	struct guest_json_writer out = { .comma = false };

	guest_begin_array(&out);
	run_steps(guest_json(guest_get_config("run"), "the script"), &out);
}
#endif
