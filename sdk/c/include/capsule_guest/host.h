/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Every function of the host. Written by `guest-header` from src/host/host_functions.def; change the table and run
 * `build/src/host/guest-header > sdk/c/include/capsule_guest/host.h`.
 *
 * astrid_...() is the import, with handles of blocks; guest_...() beside it takes text or bytes (a C string or a struct
 * guest_bytes) and gives bytes, empty for nothing, valid until the next call. Only what is called is imported. What a
 * capsule may call is said in its Capsule.toml: "needs" names the key of [capabilities]. On failure none returns: the
 * call ends with the text of the host. When the call has failed already, in the guest, guest_...() does nothing.
 * Part of capsule_guest.h, which is the header to include. */
#ifndef CAPSULE_GUEST_HOST_H
#define CAPSULE_GUEST_HOST_H

#include "blocks.h"

#define GUEST_HOST(name) __attribute__((import_module("extism:host/user"), import_name(#name)))

/* clang-format off */

/** `true` when something stands at the path, else empty. path: text, at most 4096 bytes. Needs `fs_read`. */
GUEST_HOST(astrid_fs_exists) uint64_t astrid_fs_exists(uint64_t path);
GUEST_WRAP_1(struct guest_bytes, fs_exists, BYTES, path)
#define guest_fs_exists(path) guest_fs_exists(GUEST_BYTES(path))

/** Make a folder and those above it; one that exists is fine. path: text, at most 4096 bytes. Needs `fs_write`. */
GUEST_HOST(astrid_fs_mkdir) void astrid_fs_mkdir(uint64_t path);
GUEST_WRAP_1(void, fs_mkdir, NOTHING, path)
#define guest_fs_mkdir(path) guest_fs_mkdir(GUEST_BYTES(path))

/** JSON array of the names in a folder. path: text, at most 4096 bytes. Needs `fs_read`. */
GUEST_HOST(astrid_fs_readdir) uint64_t astrid_fs_readdir(uint64_t path);
GUEST_WRAP_1(struct guest_bytes, fs_readdir, BYTES, path)
#define guest_fs_readdir(path) guest_fs_readdir(GUEST_BYTES(path))

/** JSON object with `isDir`, `mtime` (seconds) and `size` (bytes). path: text, at most 4096 bytes. Needs `fs_read`. */
GUEST_HOST(astrid_fs_stat) uint64_t astrid_fs_stat(uint64_t path);
GUEST_WRAP_1(struct guest_bytes, fs_stat, BYTES, path)
#define guest_fs_stat(path) guest_fs_stat(GUEST_BYTES(path))

/** Remove a file or an empty folder. path: text, at most 4096 bytes. Needs `fs_write`. */
GUEST_HOST(astrid_fs_unlink) void astrid_fs_unlink(uint64_t path);
GUEST_WRAP_1(void, fs_unlink, NOTHING, path)
#define guest_fs_unlink(path) guest_fs_unlink(GUEST_BYTES(path))

/** The contents of a file of up to 10 MiB. path: text, at most 4096 bytes. Needs `fs_read`. */
GUEST_HOST(astrid_read_file) uint64_t astrid_read_file(uint64_t path);
GUEST_WRAP_1(struct guest_bytes, read_file, BYTES, path)
#define guest_read_file(path) guest_read_file(GUEST_BYTES(path))

/** Make or replace a file. path: text, at most 4096 bytes. contents: bytes, at most 10485760 bytes. Needs `fs_write`. */
GUEST_HOST(astrid_write_file) void astrid_write_file(uint64_t path, uint64_t contents);
GUEST_WRAP_2(void, write_file, NOTHING, path, contents)
#define guest_write_file(path, contents) guest_write_file(GUEST_BYTES(path), GUEST_BYTES(contents))

/** Publish a JSON value under a topic of up to 8 segments; waits while an inbox that it is for is full. topic: text,
 *  at most 256 bytes. payload: bytes, at most 5242880 bytes. May wait. Needs `ipc_publish`. */
GUEST_HOST(astrid_ipc_publish) void astrid_ipc_publish(uint64_t topic, uint64_t payload);
GUEST_WRAP_2(void, ipc_publish, NOTHING, topic, payload)
#define guest_ipc_publish(topic, payload) guest_ipc_publish(GUEST_BYTES(topic), GUEST_BYTES(payload))

/** Subscribe to a topic pattern of up to 8 segments, at most 128 at once; gives a handle in decimal. pattern: text,
 *  at most 256 bytes. Needs `ipc_subscribe`. */
GUEST_HOST(astrid_ipc_subscribe) uint64_t astrid_ipc_subscribe(uint64_t pattern);
GUEST_WRAP_1(struct guest_bytes, ipc_subscribe, BYTES, pattern)
#define guest_ipc_subscribe(pattern) guest_ipc_subscribe(GUEST_BYTES(pattern))

/** End a subscription of the guest. handle: text, at most 32 bytes. */
GUEST_HOST(astrid_ipc_unsubscribe) void astrid_ipc_unsubscribe(uint64_t handle);
GUEST_WRAP_1(void, ipc_unsubscribe, NOTHING, handle)
#define guest_ipc_unsubscribe(handle) guest_ipc_unsubscribe(GUEST_BYTES(handle))

/** The messages that have arrived, as a JSON object. handle: text, at most 32 bytes. */
GUEST_HOST(astrid_ipc_poll) uint64_t astrid_ipc_poll(uint64_t handle);
GUEST_WRAP_1(struct guest_bytes, ipc_poll, BYTES, handle)
#define guest_ipc_poll(handle) guest_ipc_poll(GUEST_BYTES(handle))

/** As `astrid_ipc_poll`, but waits for the first message, at most 60,000 ms. handle: text, at most 32 bytes.
 *  timeout_ms: text, at most 32 bytes. May wait. */
GUEST_HOST(astrid_ipc_recv) uint64_t astrid_ipc_recv(uint64_t handle, uint64_t timeout_ms);
GUEST_WRAP_2(struct guest_bytes, ipc_recv, BYTES, handle, timeout_ms)
#define guest_ipc_recv(handle, timeout_ms) guest_ipc_recv(GUEST_BYTES(handle), GUEST_BYTES(timeout_ms))

/** Announce a connection to a platform; gives its id. name: text, at most 512 bytes. platform: text, at most 512
 *  bytes. profile: text, at most 512 bytes. */
GUEST_HOST(astrid_uplink_register) uint64_t astrid_uplink_register(uint64_t name, uint64_t platform, uint64_t profile);
GUEST_WRAP_3(struct guest_bytes, uplink_register, BYTES, name, platform, profile)
#define guest_uplink_register(name, platform, profile) guest_uplink_register(GUEST_BYTES(name), GUEST_BYTES(platform), GUEST_BYTES(profile))

/** Hand in a message that came from a platform; gives a JSON object with `ok`, false and `dropped` when there was no
 *  room. The id has up to 64 bytes. uplink_id: text, at most 128 bytes. user: text, at most 512 bytes. content: text,
 *  at most 1048576 bytes. */
GUEST_HOST(astrid_uplink_send) uint64_t astrid_uplink_send(uint64_t uplink_id, uint64_t user, uint64_t content);
GUEST_WRAP_3(struct guest_bytes, uplink_send, BYTES, uplink_id, user, content)
#define guest_uplink_send(uplink_id, user, content) guest_uplink_send(GUEST_BYTES(uplink_id), GUEST_BYTES(user), GUEST_BYTES(content))

/** The bytes stored under a key; empty when there are none. key: text, at most 4096 bytes. */
GUEST_HOST(astrid_kv_get) uint64_t astrid_kv_get(uint64_t key);
GUEST_WRAP_1(struct guest_bytes, kv_get, BYTES, key)
#define guest_kv_get(key) guest_kv_get(GUEST_BYTES(key))

/** Store bytes under a key. key: text, at most 4096 bytes. value: bytes, at most 10485760 bytes. */
GUEST_HOST(astrid_kv_set) void astrid_kv_set(uint64_t key, uint64_t value);
GUEST_WRAP_2(void, kv_set, NOTHING, key, value)
#define guest_kv_set(key, value) guest_kv_set(GUEST_BYTES(key), GUEST_BYTES(value))

/** Remove a key; one that does not exist is fine. key: text, at most 4096 bytes. */
GUEST_HOST(astrid_kv_delete) void astrid_kv_delete(uint64_t key);
GUEST_WRAP_1(void, kv_delete, NOTHING, key)
#define guest_kv_delete(key) guest_kv_delete(GUEST_BYTES(key))

/** JSON array of the keys that begin with a prefix, in byte order. prefix: text, at most 4096 bytes. */
GUEST_HOST(astrid_kv_list_keys) uint64_t astrid_kv_list_keys(uint64_t prefix);
GUEST_WRAP_1(struct guest_bytes, kv_list_keys, BYTES, prefix)
#define guest_kv_list_keys(prefix) guest_kv_list_keys(GUEST_BYTES(prefix))

/** Remove all keys that begin with a prefix; gives how many in decimal. prefix: text, at most 4096 bytes. */
GUEST_HOST(astrid_kv_clear_prefix) uint64_t astrid_kv_clear_prefix(uint64_t prefix);
GUEST_WRAP_1(struct guest_bytes, kv_clear_prefix, BYTES, prefix)
#define guest_kv_clear_prefix(prefix) guest_kv_clear_prefix(GUEST_BYTES(prefix))

/** The value of a configuration key; empty when it is not set. key: text, at most 4096 bytes. */
GUEST_HOST(astrid_get_config) uint64_t astrid_get_config(uint64_t key);
GUEST_WRAP_1(struct guest_bytes, get_config, BYTES, key)
#define guest_get_config(key) guest_get_config(GUEST_BYTES(key))

/** JSON object about who asked for the call: `call_id` in decimal, `session_id` of the capsule that it came from or
 *  null, `source` (`capsule` or `host`), `user_id`; without members outside of calls and in a run loop. */
GUEST_HOST(astrid_get_caller) uint64_t astrid_get_caller(void);
GUEST_WRAP_0(struct guest_bytes, get_caller, BYTES)

/** Make an HTTP request described in JSON; gives status, headers and body in JSON. request: bytes, at most 10485760
 *  bytes. May wait. Needs `net`. */
GUEST_HOST(astrid_http_request) uint64_t astrid_http_request(uint64_t request);
GUEST_WRAP_1(struct guest_bytes, http_request, BYTES, request)
#define guest_http_request(request) guest_http_request(GUEST_BYTES(request))

/** Call the interceptors of other capsules that match `hook` with `payload`, the two members of the request; gives a
 *  JSON array of their answers. request: bytes, at most 1048576 bytes. May wait. */
GUEST_HOST(astrid_trigger_hook) uint64_t astrid_trigger_hook(uint64_t request);
GUEST_WRAP_1(struct guest_bytes, trigger_hook, BYTES, request)
#define guest_trigger_hook(request) guest_trigger_hook(GUEST_BYTES(request))

/** Write a log record: `trace`, `debug`, `warn`, `error`, anything else is `info`. level: text, at most 64 bytes.
 *  message: text, at most 65536 bytes. */
GUEST_HOST(astrid_log) void astrid_log(uint64_t level, uint64_t message);
GUEST_WRAP_2(void, log, ALWAYS_NOTHING, level, message)
#define guest_log(level, message) guest_log(GUEST_BYTES(level), GUEST_BYTES(message))

/** Have an action called by a schedule. name: text, at most 128 bytes. schedule: text, at most 1024 bytes. payload:
 *  bytes, at most 10485760 bytes. */
GUEST_HOST(astrid_cron_schedule) void astrid_cron_schedule(uint64_t name, uint64_t schedule, uint64_t payload);
GUEST_WRAP_3(void, cron_schedule, NOTHING, name, schedule, payload)
#define guest_cron_schedule(name, schedule, payload) guest_cron_schedule(GUEST_BYTES(name), GUEST_BYTES(schedule), GUEST_BYTES(payload))

/** End a schedule. name: text, at most 128 bytes. */
GUEST_HOST(astrid_cron_cancel) void astrid_cron_cancel(uint64_t name);
GUEST_WRAP_1(void, cron_cancel, NOTHING, name)
#define guest_cron_cancel(name) guest_cron_cancel(GUEST_BYTES(name))

/** Run the program `cmd` with the words `args`, the two members of the request, to its end; gives a JSON object with
 *  `stdout`, `stderr` and `exit_code`, and where bytes were lost `stdout_truncated`, `stderr_truncated`. request:
 *  bytes, at most 10485760 bytes. May wait. Needs `host_process`. */
GUEST_HOST(astrid_spawn_host) uint64_t astrid_spawn_host(uint64_t request);
GUEST_WRAP_1(struct guest_bytes, spawn_host, BYTES, request)
#define guest_spawn_host(request) guest_spawn_host(GUEST_BYTES(request))

/** Take the listening socket of the runtime; gives the number 1. path: not looked at. Needs `net_bind`. */
GUEST_HOST(astrid_net_bind_unix) uint64_t astrid_net_bind_unix(uint64_t path);
GUEST_WRAP_1(int64_t, net_bind_unix, NUMBER, path)
#define guest_net_bind_unix(path) guest_net_bind_unix(GUEST_BYTES(path))

/** Wait for a client; gives a stream handle in decimal. listener: not looked at. May wait. Needs `net_bind`. */
GUEST_HOST(astrid_net_accept) uint64_t astrid_net_accept(uint64_t listener);
GUEST_WRAP_1(struct guest_bytes, net_accept, BYTES, listener)
#define guest_net_accept(listener) guest_net_accept(GUEST_BYTES(listener))

/** The next frame of a stream; empty when none came within 50 ms. handle: text, at most 1024 bytes. May wait. Needs
 *  `net_bind`. */
GUEST_HOST(astrid_net_read) uint64_t astrid_net_read(uint64_t handle);
GUEST_WRAP_1(struct guest_bytes, net_read, BYTES, handle)
#define guest_net_read(handle) guest_net_read(GUEST_BYTES(handle))

/** Send a frame. handle: text, at most 1024 bytes. data: bytes, at most 10485760 bytes. May wait. Needs `net_bind`. */
GUEST_HOST(astrid_net_write) void astrid_net_write(uint64_t handle, uint64_t data);
GUEST_WRAP_2(void, net_write, NOTHING, handle, data)
#define guest_net_write(handle, data) guest_net_write(GUEST_BYTES(handle), GUEST_BYTES(data))

/** Ask a person for a value while the capsule is installed. request: bytes, at most 10485760 bytes. May wait. */
GUEST_HOST(astrid_elicit) uint64_t astrid_elicit(uint64_t request);
GUEST_WRAP_1(struct guest_bytes, elicit, BYTES, request)
#define guest_elicit(request) guest_elicit(GUEST_BYTES(request))

/** JSON object with `exists`: whether a secret is stored. request: bytes, at most 4096 bytes. */
GUEST_HOST(astrid_has_secret) uint64_t astrid_has_secret(uint64_t request);
GUEST_WRAP_1(struct guest_bytes, has_secret, BYTES, request)
#define guest_has_secret(request) guest_has_secret(GUEST_BYTES(request))

/** A run loop says that it has started; may be repeated. */
GUEST_HOST(astrid_signal_ready) void astrid_signal_ready(void);
GUEST_WRAP_0(void, signal_ready, NOTHING)

/** Milliseconds since the Unix epoch in decimal. */
GUEST_HOST(astrid_clock_ms) uint64_t astrid_clock_ms(void);
GUEST_WRAP_0(struct guest_bytes, clock_ms, BYTES)

/** JSON array of the subscriptions that a run loop has for its interceptors: `handle_id`, `action`, `topic`. */
GUEST_HOST(astrid_get_interceptor_handles) uint64_t astrid_get_interceptor_handles(void);
GUEST_WRAP_0(struct guest_bytes, get_interceptor_handles, BYTES)

/** Ask a person to allow an action; gives the decision in JSON. request: bytes, at most 10485760 bytes. May wait. */
GUEST_HOST(astrid_request_approval) uint64_t astrid_request_approval(uint64_t request);
GUEST_WRAP_1(struct guest_bytes, request_approval, BYTES, request)
#define guest_request_approval(request) guest_request_approval(GUEST_BYTES(request))

/** The user behind an account on a platform. request: bytes, at most 10485760 bytes. Needs `identity`. */
GUEST_HOST(astrid_identity_resolve) uint64_t astrid_identity_resolve(uint64_t request);
GUEST_WRAP_1(struct guest_bytes, identity_resolve, BYTES, request)
#define guest_identity_resolve(request) guest_identity_resolve(GUEST_BYTES(request))

/** Link an account on a platform to a user. request: bytes, at most 10485760 bytes. Needs `identity`. */
GUEST_HOST(astrid_identity_link) uint64_t astrid_identity_link(uint64_t request);
GUEST_WRAP_1(struct guest_bytes, identity_link, BYTES, request)
#define guest_identity_link(request) guest_identity_link(GUEST_BYTES(request))

/** Remove such a link. request: bytes, at most 10485760 bytes. Needs `identity`. */
GUEST_HOST(astrid_identity_unlink) uint64_t astrid_identity_unlink(uint64_t request);
GUEST_WRAP_1(struct guest_bytes, identity_unlink, BYTES, request)
#define guest_identity_unlink(request) guest_identity_unlink(GUEST_BYTES(request))

/** Make a user. request: bytes, at most 10485760 bytes. Needs `identity`. */
GUEST_HOST(astrid_identity_create_user) uint64_t astrid_identity_create_user(uint64_t request);
GUEST_WRAP_1(struct guest_bytes, identity_create_user, BYTES, request)
#define guest_identity_create_user(request) guest_identity_create_user(GUEST_BYTES(request))

/** The accounts linked to a user. request: bytes, at most 10485760 bytes. Needs `identity`. */
GUEST_HOST(astrid_identity_list_links) uint64_t astrid_identity_list_links(uint64_t request);
GUEST_WRAP_1(struct guest_bytes, identity_list_links, BYTES, request)
#define guest_identity_list_links(request) guest_identity_list_links(GUEST_BYTES(request))

/** JSON object with `allowed`: whether another capsule has a capability. request: bytes, at most 1024 bytes. */
GUEST_HOST(astrid_check_capsule_capability) uint64_t astrid_check_capsule_capability(uint64_t request);
GUEST_WRAP_1(struct guest_bytes, check_capsule_capability, BYTES, request)
#define guest_check_capsule_capability(request) guest_check_capsule_capability(GUEST_BYTES(request))

/** Start a program as `astrid_spawn_host` does and go on; gives a JSON object with its `id`. At most 8 run at once.
 *  request: bytes, at most 10485760 bytes. Needs `host_process`. */
GUEST_HOST(astrid_spawn_background_host) uint64_t astrid_spawn_background_host(uint64_t request);
GUEST_WRAP_1(struct guest_bytes, spawn_background_host, BYTES, request)
#define guest_spawn_background_host(request) guest_spawn_background_host(GUEST_BYTES(request))

/** What the started program `id` wrote since the last time, the last 1 MiB: a JSON object with `stdout`, `stderr`,
 *  `running` and `exit_code`, which is null while it runs. request: bytes, at most 256 bytes. Needs `host_process`. */
GUEST_HOST(astrid_read_process_logs_host) uint64_t astrid_read_process_logs_host(uint64_t request);
GUEST_WRAP_1(struct guest_bytes, read_process_logs_host, BYTES, request)
#define guest_read_process_logs_host(request) guest_read_process_logs_host(GUEST_BYTES(request))

/** End the started program `id` and forget it: a JSON object with `killed`, whether it was running, `exit_code`,
 *  `stdout` and `stderr`. request: bytes, at most 256 bytes. May wait. Needs `host_process`. */
GUEST_HOST(astrid_kill_process_host) uint64_t astrid_kill_process_host(uint64_t request);
GUEST_WRAP_1(struct guest_bytes, kill_process_host, BYTES, request)
#define guest_kill_process_host(request) guest_kill_process_host(GUEST_BYTES(request))

/** Close a stream. handle: text, at most 1024 bytes. Needs `net_bind`. */
GUEST_HOST(astrid_net_close_stream) void astrid_net_close_stream(uint64_t handle);
GUEST_WRAP_1(void, net_close_stream, NOTHING, handle)
#define guest_net_close_stream(handle) guest_net_close_stream(GUEST_BYTES(handle))

/** As `astrid_net_accept`, but empty when no client waits. listener: not looked at. Needs `net_bind`. */
GUEST_HOST(astrid_net_poll_accept) uint64_t astrid_net_poll_accept(uint64_t listener);
GUEST_WRAP_1(struct guest_bytes, net_poll_accept, BYTES, listener)
#define guest_net_poll_accept(listener) guest_net_poll_accept(GUEST_BYTES(listener))

/** Make an HTTP request described in JSON; gives status, headers and a handle in JSON. request: bytes, at most
 *  10485760 bytes. May wait. Needs `net`. */
GUEST_HOST(astrid_http_stream_start) uint64_t astrid_http_stream_start(uint64_t request);
GUEST_WRAP_1(struct guest_bytes, http_stream_start, BYTES, request)
#define guest_http_stream_start(request) guest_http_stream_start(GUEST_BYTES(request))

/** The next piece of the body, up to 1 MiB; empty at its end. handle: text, at most 1024 bytes. May wait. Needs
 *  `net`. */
GUEST_HOST(astrid_http_stream_read) uint64_t astrid_http_stream_read(uint64_t handle);
GUEST_WRAP_1(struct guest_bytes, http_stream_read, BYTES, handle)
#define guest_http_stream_read(handle) guest_http_stream_read(GUEST_BYTES(handle))

/** Let go of a stream; one that is not open is fine. handle: text, at most 1024 bytes. Needs `net`. */
GUEST_HOST(astrid_http_stream_close) void astrid_http_stream_close(uint64_t handle);
GUEST_WRAP_1(void, http_stream_close, NOTHING, handle)
#define guest_http_stream_close(handle) guest_http_stream_close(GUEST_BYTES(handle))
/* clang-format on */

#endif
