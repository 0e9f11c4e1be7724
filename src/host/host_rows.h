/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The C functions behind the rows of host_functions.def, and what they share. They take spans and leave bytes in the call;
 * their arguments are checked, repaired and granted before they run. Threads: loop. */
#ifndef HOST_ROWS_H
#define HOST_ROWS_H

#include "host/host.h"

enum host_answer host_fs_exists(struct host_call *call, struct capsule_error *err);
enum host_answer host_fs_mkdir(struct host_call *call, struct capsule_error *err);
enum host_answer host_fs_readdir(struct host_call *call, struct capsule_error *err);
enum host_answer host_fs_stat(struct host_call *call, struct capsule_error *err);
enum host_answer host_fs_unlink(struct host_call *call, struct capsule_error *err);
enum host_answer host_fs_read_file(struct host_call *call, struct capsule_error *err);
enum host_answer host_fs_write_file(struct host_call *call, struct capsule_error *err);
enum capsule_status host_fs_finish(struct host_call *call, struct capsule_error *err);

/** Let go of the file function that `call` is in, if any, and give its memory back. `result` may be gone afterwards. */
void host_fs_free(struct host_call *call);

enum host_answer host_hook_trigger(struct host_call *call, struct capsule_error *err);

enum host_answer host_ipc_publish(struct host_call *call, struct capsule_error *err);
enum host_answer host_ipc_subscribe(struct host_call *call, struct capsule_error *err);
enum host_answer host_ipc_unsubscribe(struct host_call *call, struct capsule_error *err);
enum host_answer host_ipc_poll(struct host_call *call, struct capsule_error *err);
enum host_answer host_ipc_recv(struct host_call *call, struct capsule_error *err);
enum capsule_status host_ipc_recv_finish(struct host_call *call, struct capsule_error *err);
enum host_answer host_ipc_interceptors(struct host_call *call, struct capsule_error *err);

/** Give back the memory that publications of `call` were read into. Not while one waits. */
void host_ipc_free(struct host_call *call);

enum host_answer host_kv_get(struct host_call *call, struct capsule_error *err);
enum host_answer host_kv_set(struct host_call *call, struct capsule_error *err);
enum host_answer host_kv_delete(struct host_call *call, struct capsule_error *err);
enum host_answer host_kv_list_keys(struct host_call *call, struct capsule_error *err);
enum host_answer host_kv_clear_prefix(struct host_call *call, struct capsule_error *err);
enum capsule_status host_kv_clear_prefix_finish(struct host_call *call, struct capsule_error *err);

enum host_answer host_process_run(struct host_call *call, struct capsule_error *err);
enum capsule_status host_process_run_finish(struct host_call *call, struct capsule_error *err);
enum host_answer host_process_start(struct host_call *call, struct capsule_error *err);
enum host_answer host_process_read(struct host_call *call, struct capsule_error *err);
enum host_answer host_process_kill(struct host_call *call, struct capsule_error *err);
enum capsule_status host_process_kill_finish(struct host_call *call, struct capsule_error *err);

/** Let go of the program that `call` waits for, if any: it is ended. `result` is not touched. */
void host_process_free(struct host_call *call);

enum host_answer host_sys_get_config(struct host_call *call, struct capsule_error *err);
enum host_answer host_sys_get_caller(struct host_call *call, struct capsule_error *err);
enum host_answer host_sys_log(struct host_call *call, struct capsule_error *err);
enum host_answer host_sys_signal_ready(struct host_call *call, struct capsule_error *err);
enum host_answer host_sys_clock_ms(struct host_call *call, struct capsule_error *err);
enum host_answer host_sys_check_capability(struct host_call *call, struct capsule_error *err);

enum host_answer host_uplink_register(struct host_call *call, struct capsule_error *err);
enum host_answer host_uplink_send(struct host_call *call, struct capsule_error *err);

/* For rows that check themselves, what host_call_begin() does for the others. */

/** Repair the text arguments that are repaired, refuse those that are not UTF-8: CAPSULE_EINVAL, with the function in its
 *  text. */
MUST_CHECK enum capsule_status host_call_texts(struct host_call *call, struct capsule_error *err);

/** As host_granted() for the row of `call`; a refusal is told to whoever audits. */
MUST_CHECK enum capsule_status host_call_granted(const struct host_call *call, struct capsule_error *err);

/** Tell whoever audits of a refusal. */
void host_call_tell_refused(
	const struct host_call *call, const struct gate_question *question, const struct gate_decision *decision);

/** Who asks, for what `call` does elsewhere: never nobody. A run loop passes on the hops of the messages that it took
 *  last. */
void host_call_origin(const struct host_call *call, struct origin *out);

/** Ask the capsule's gate. A refusal is told to whoever audits and reads "security denied <what>: <why, and what to add
 *  where>". Errors: CAPSULE_EDENIED. */
MUST_CHECK enum capsule_status host_call_permit(const struct host_call *call, const char *what,
	const struct gate_question *question, struct capsule_error *err);

/** Whether the gate allows it; says and tells nothing. `decision` is filled. */
bool host_call_allows(
	const struct host_call *call, const struct gate_question *question, struct gate_decision *decision);

/** Make `value` in decimal the result of `call`. Errors: CAPSULE_ENOMEM, only while the call has no room of its own yet. */
MUST_CHECK enum capsule_status host_call_decimal(struct host_call *call, uint64_t value, struct capsule_error *err);

/** Put "<function without astrid_> failed: " in front of `err`. Returns HOST_FAILED. */
enum host_answer host_call_failed(const struct host_call *call, struct capsule_error *err);

#endif
