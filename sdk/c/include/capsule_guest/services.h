/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Comfort over the wrappers of host.h, for what most capsules use: results as what they mean instead of as bytes.
 * Part of capsule_guest.h, which is the header to include. */
#ifndef CAPSULE_GUEST_SERVICES_H
#define CAPSULE_GUEST_SERVICES_H

#include "host.h"
#include "json_read.h"
#include "json_write.h"

/* ---- Log ----
 *
 * guest_info("kept ", count, " notes"): a record of at most twelve parts, as for guest_fail(). Beyond 64 KiB the call
 * fails. */

#define guest_debug(...) guest_log("debug", guest_join(__VA_ARGS__))
#define guest_info(...) guest_log("info", guest_join(__VA_ARGS__))
#define guest_warn(...) guest_log("warn", guest_join(__VA_ARGS__))
#define guest_error(...) guest_log("error", guest_join(__VA_ARGS__))

/* ---- Key-value store: guest_kv_get(key), guest_kv_set(key, value), guest_kv_delete(key) are in host.h ---- */

/** guest_kv_get_integer(key, 0): the whole number stored in decimal under `key`; `otherwise` when there is nothing. The call
 *  fails when what is stored is none. */
#define guest_kv_get_integer(key, otherwise) guest_kv_integer(GUEST_BYTES(key), otherwise)
#define guest_kv_set_integer(key, value) guest_kv_set(key, guest_join((int64_t)(value)))

GUEST_INLINE int64_t guest_kv_integer(struct guest_bytes key, int64_t otherwise)
{
	struct guest_bytes text = guest_kv_get(key);
	int64_t value = otherwise;

	if (text.len > 0 && !guest_parse_integer(text, &value)) {
		guest_fail("what is stored under `", key, "` is no whole number");
		return otherwise;
	}
	return value;
}

/** guest_kv_get_json(key): the JSON stored under `key`, absent when there is nothing. */
#define guest_kv_get_json(key) guest_kv_json(GUEST_BYTES(key))

GUEST_INLINE struct guest_value guest_kv_json(struct guest_bytes key)
{
	struct guest_bytes text = guest_kv_get(key);

	if (text.len == 0)
		return (struct guest_value){ .missing = "" };
	return guest_json(text, guest_join("what is stored under `", key, "`"));
}

/** for (struct guest_each each = guest_kv_list(prefix); guest_next(&each);) ... guest_as_text(each.value) ...
 *  The keys that begin with `prefix`, in byte order. */
#define guest_kv_list(prefix) guest_each(guest_json(guest_kv_list_keys(prefix), "the list of keys"))

/** Remove all keys that begin with `prefix`; gives how many there were. */
#define guest_kv_clear(prefix) guest_decimal(guest_kv_clear_prefix(prefix))

/* ---- Configuration, clock, who asked ---- */

/* A whole number from the host. */
GUEST_INLINE int64_t guest_decimal(struct guest_bytes text)
{
	int64_t value = 0;

	(void)guest_parse_integer(text, &value);
	return value;
}

/** guest_config("url"): the value of a key of [env] in the manifest; empty when it is not set. */
#define guest_config(key) guest_get_config(key)

/** Milliseconds since the Unix epoch. */
GUEST_INLINE int64_t guest_now_ms(void)
{
	return guest_decimal(guest_clock_ms());
}

/** Who asked for the call: an object with `call_id`, `session_id` (null: no capsule), `source` and `user_id`. */
GUEST_INLINE struct guest_value guest_caller(void)
{
	return guest_json(guest_get_caller(), "the caller");
}

/* ---- Programs, granted by `host_process` ---- */

/* A request to start what the first part names, with the other parts as its words. */
GUEST_OUTLINE struct guest_bytes guest_command_parts(const struct guest_part *parts, size_t count)
{
	struct guest_json_writer request = { .comma = false };
	char room[GUEST_NUMBER_MAX];

	guest_begin_object(&request);
	guest_put_text(&request, "cmd", guest_part_written(&parts[0], room));
	guest_put_array(&request, "args");
	for (size_t i = 1; i < count; i++)
		guest_add_text(&request, guest_part_written(&parts[i], room));
	return guest_written(&request);
}

/** guest_command("git", "log", "-n", count): the request for the four functions below with at most twelve parts; write one with
 *  a guest_json_writer where there are more. */
#define guest_command(...) guest_command_parts(GUEST_PART_ARRAY(__VA_ARGS__), GUEST_PART_COUNT(__VA_ARGS__))

/** guest_run("git", "status", "--short"): run a program to its end. An object with `stdout`, `stderr` and `exit_code`; a program
 *  that could not be run has code 1 and says why on `stderr`. */
#define guest_run(...) guest_json(guest_spawn_host(guest_command(__VA_ARGS__)), "what the program gave")

/** guest_start("make", "-j2"): start a program and go on; gives its number. */
#define guest_start(...)                                                                                               \
	guest_get_integer(                                                                                             \
		guest_json(guest_spawn_background_host(guest_command(__VA_ARGS__)), "the started program"), "id")

/** What the started program wrote since the last time: an object with `stdout`, `stderr`, `running` and `exit_code`, which is
 *  null while it runs. */
GUEST_INLINE struct guest_value guest_read_logs(int64_t number)
{
	return guest_json(guest_read_process_logs_host(guest_join("{\"id\":", number, "}")), "what the program wrote");
}

/** End the started program and forget it: an object with `killed`, `exit_code`, `stdout` and `stderr`. */
GUEST_INLINE struct guest_value guest_kill(int64_t number)
{
	return guest_json(guest_kill_process_host(guest_join("{\"id\":", number, "}")), "the ended program");
}

/* ---- Variables of Extism: bytes that are kept as long as the capsule is loaded, 1 MiB in all ---- */

#define guest_var_get(key) guest_take_block(extism_var_get(guest_put_block(GUEST_BYTES(key))))
/** An empty value removes the variable. */
#define guest_var_set(key, value) extism_var_set(guest_put_block(GUEST_BYTES(key)), guest_put_block(GUEST_BYTES(value)))

#endif
