/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a capsule is made of: functions that the host calls by name. Each macro begins a function and registers it; there is
 * no list to keep. They may stand in any source file of the capsule, or in several. Two of one name do not link.
 *
 *   CAPSULE_TOOL(greet) { ... }             a tool of the manifest; CAPSULE_TOOL(greet, "say-hello") gives it another name
 *   CAPSULE_INTERCEPTOR(on_message) { ... } an action of [[interceptor]]
 *   CAPSULE_CRON(tidy) { ... }              a job that the capsule has scheduled
 *   CAPSULE_INSTALL { ... }                 when the capsule is installed
 *   CAPSULE_UPGRADE { ... }                 when a newer version is installed; `previous` is the version before, as text
 *   CAPSULE_RUN { ... }                     a loop that runs as long as the capsule is loaded; no tools beside it
 *   CAPSULE_EXPORT(name) { ... return 0; }  any export, without all this: guest_input(), guest_output()
 *
 * The first three get `args`, the arguments as a JSON value, and `out`, which takes the answer. All end by returning; what
 * has failed by then makes the call fail. The module exports what is used, and nothing else.
 * Part of capsule_guest.h, which is the header to include. */
#ifndef CAPSULE_GUEST_HANDLERS_H
#define CAPSULE_GUEST_HANDLERS_H

#include "json_read.h"
#include "json_write.h"
#include "request.h"

struct guest_handler {
	const char *name;
	void (*run)(struct guest_value args, struct guest_json_writer *out);
};

/* The current call of a handler. */
struct guest_call {
	struct guest_bytes name, arguments, answer;
	bool answered; /* with bytes, not with JSON */
};

extern struct guest_call guest_call;
GUEST_SHARED struct guest_call guest_call = { .answered = false };

/** The arguments of the call as the bytes that came: for those who don't want JSON of them. */
GUEST_INLINE struct guest_bytes guest_arguments(void)
{
	return guest_call.arguments;
}

/** Answer with text or bytes as they are, instead of what `out` got. */
#define guest_answer(bytes) guest_answer_bytes(GUEST_BYTES(bytes))

GUEST_INLINE void guest_answer_bytes(struct guest_bytes bytes)
{
	guest_call.answer = bytes;
	guest_call.answered = true;
}

/* ---- What the macros stand on ---- */

GUEST_INLINE void guest_begin_call(void)
{
	guest_reset();
	guest_forgive();
	guest_call = (struct guest_call){ .answered = false };
}

GUEST_OUTLINE void guest_handle(const struct guest_handler *handler)
{
	struct guest_json_writer out = { .comma = false };
	struct guest_bytes text = guest_call.arguments, written;
	struct guest_document document;
	struct guest_value args;

	args = guest_json_open(&document, text.len > 0 ? text : guest_text("{}"), guest_text(handler->name));
	document.arguments = true;
	handler->run(args, &out);
	if (guest_failed())
		return;
	written = guest_call.answered ? guest_call.answer : guest_written(&out);
	if (!guest_failed())
		guest_output_bytes(written);
}

/* Call the handler that the request names. */
GUEST_OUTLINE int32_t guest_dispatch(
	const struct guest_handler *handlers, const struct guest_handler *end, const char *what)
{
	const struct guest_handler *handler = handlers;

	guest_begin_call();
	if (guest_request_read(&guest_call.name, &guest_call.arguments)) {
		while (handler < end && !guest_equal(guest_call.name, handler->name))
			handler++;
		if (handler < end)
			guest_handle(handler);
		else
			guest_fail("Unknown ", what, ": ", guest_call.name);
	}
	return guest_end_call();
}

/* The linker puts all handlers of a kind one behind the other, between these. */
extern const struct guest_handler __start_capsule_tool[], __stop_capsule_tool[];
extern const struct guest_handler __start_capsule_interceptor[], __stop_capsule_interceptor[];
extern const struct guest_handler __start_capsule_cron[], __stop_capsule_cron[];

GUEST_INLINE int32_t guest_dispatch_tool(void)
{
	return guest_dispatch(__start_capsule_tool, __stop_capsule_tool, "tool");
}

GUEST_INLINE int32_t guest_dispatch_interceptor(void)
{
	return guest_dispatch(__start_capsule_interceptor, __stop_capsule_interceptor, "hook");
}

GUEST_INLINE int32_t guest_dispatch_cron(void)
{
	return guest_dispatch(__start_capsule_cron, __stop_capsule_cron, "cron job");
}

GUEST_INLINE int32_t guest_install(void (*body)(void))
{
	guest_begin_call();
	body();
	return guest_end_call();
}

GUEST_OUTLINE int32_t guest_upgrade(void (*body)(struct guest_bytes previous))
{
	struct guest_bytes previous;

	guest_begin_call();
	previous = guest_input(); /* the version as text, or {"prev_version": version} */
	if (guest_starts(previous, "{"))
		previous = guest_get_text(guest_json(previous, "upgrade"), "prev_version");
	if (!guest_failed())
		body(previous);
	return guest_end_call();
}

/* ---- The macros ----
 *
 * CAPSULE_TOOL stands any number of times in a file, and the export that calls tools must be defined once in it. So the
 * definition is in a macro that the first use replaces by nothing. Weak, since other files may define it too. */

/* clang-format off */
#define GUEST_ENTRY(function, name, call, ...) \
	__attribute__((export_name(#name), __VA_ARGS__)) int32_t function(void); \
	int32_t function(void) { return call; }

#define GUEST_TOOL_ENTRY
#pragma push_macro("GUEST_TOOL_ENTRY")
#undef GUEST_TOOL_ENTRY
#define GUEST_TOOL_ENTRY GUEST_ENTRY(astrid_tool_call, astrid_tool_call, guest_dispatch_tool(), weak)

#define GUEST_INTERCEPTOR_ENTRY
#pragma push_macro("GUEST_INTERCEPTOR_ENTRY")
#undef GUEST_INTERCEPTOR_ENTRY
#define GUEST_INTERCEPTOR_ENTRY GUEST_ENTRY(astrid_hook_trigger, astrid_hook_trigger, guest_dispatch_interceptor(), weak)

#define GUEST_CRON_ENTRY
#pragma push_macro("GUEST_CRON_ENTRY")
#undef GUEST_CRON_ENTRY
#define GUEST_CRON_ENTRY GUEST_ENTRY(astrid_cron_trigger, astrid_cron_trigger, guest_dispatch_cron(), weak)

#define GUEST_HANDLER(kind, function, name) \
	static void capsule_##kind##_##function(struct guest_value args, struct guest_json_writer *out); \
	extern const struct guest_handler capsule_##kind##_entry_##function; \
	const struct guest_handler capsule_##kind##_entry_##function __attribute__((used, section("capsule_" #kind))) = \
		{ name, capsule_##kind##_##function }; \
	static void capsule_##kind##_##function(struct guest_value args __attribute__((unused)), \
		struct guest_json_writer *out __attribute__((unused)))
#define GUEST_HANDLER_1(kind, function) GUEST_HANDLER(kind, function, #function)
#define GUEST_HANDLER_2(kind, function, name) GUEST_HANDLER(kind, function, name)
#define GUEST_PICK_2(a, b, pick, ...) pick

#define CAPSULE_TOOL(...) \
	GUEST_TOOL_ENTRY _Pragma("pop_macro(\"GUEST_TOOL_ENTRY\")") _Pragma("push_macro(\"GUEST_TOOL_ENTRY\")") \
	GUEST_PICK_2(__VA_ARGS__, GUEST_HANDLER_2, GUEST_HANDLER_1, 0)(tool, __VA_ARGS__)
#define CAPSULE_INTERCEPTOR(...) \
	GUEST_INTERCEPTOR_ENTRY _Pragma("pop_macro(\"GUEST_INTERCEPTOR_ENTRY\")") \
	_Pragma("push_macro(\"GUEST_INTERCEPTOR_ENTRY\")") \
	GUEST_PICK_2(__VA_ARGS__, GUEST_HANDLER_2, GUEST_HANDLER_1, 0)(interceptor, __VA_ARGS__)
#define CAPSULE_CRON(...) \
	GUEST_CRON_ENTRY _Pragma("pop_macro(\"GUEST_CRON_ENTRY\")") _Pragma("push_macro(\"GUEST_CRON_ENTRY\")") \
	GUEST_PICK_2(__VA_ARGS__, GUEST_HANDLER_2, GUEST_HANDLER_1, 0)(cron, __VA_ARGS__)

#define CAPSULE_INSTALL \
	static void capsule_install(void); \
	GUEST_ENTRY(astrid_install, astrid_install, guest_install(capsule_install), used) \
	static void capsule_install(void)
#define CAPSULE_UPGRADE \
	static void capsule_upgrade(struct guest_bytes previous); \
	GUEST_ENTRY(astrid_upgrade, astrid_upgrade, guest_upgrade(capsule_upgrade), used) \
	static void capsule_upgrade(struct guest_bytes previous __attribute__((unused)))
#define CAPSULE_RUN \
	static void capsule_run_body(void); \
	GUEST_ENTRY(capsule_run, run, guest_install(capsule_run_body), used) \
	static void capsule_run_body(void)

/** Begin the definition of an export that the host calls by its name. It begins with guest_begin_call() if it uses memory or
 *  failures of the SDK, and may end with `return guest_end_call();`. 0 is success. */
#define CAPSULE_EXPORT(name) \
	__attribute__((export_name(#name))) int32_t name(void); \
	int32_t name(void)
/* clang-format on */

#endif
