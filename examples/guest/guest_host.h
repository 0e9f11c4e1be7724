/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the host offers to a guest, declared for the linker. Only what is called is imported. Failures do not return:
 * see capsule_guest.h, which is the header to include. */
#ifndef GUEST_HOST_H
#define GUEST_HOST_H

#include <stdint.h>

/* ---- What the host offers: blocks, input, output ---- */

#define GUEST_ENV(name) __attribute__((import_module("extism:host/env"), import_name(#name)))

/* A new block of `size` bytes, not zeroed; 0 for size 0. Beyond the ceiling of 64 MiB the call fails. */
GUEST_ENV(alloc) uint64_t extism_alloc(uint64_t size);
GUEST_ENV(free) void extism_free(uint64_t handle);
/* Bytes of the block that starts at `handle`; 0 if none does. */
GUEST_ENV(length) uint64_t extism_length(uint64_t handle);
/* Bytes at handle + offset, little-endian. Out of range: reads give 0, writes are ignored. */
GUEST_ENV(load_u8) uint32_t extism_load_u8(uint64_t at);
GUEST_ENV(load_u64) uint64_t extism_load_u64(uint64_t at);
GUEST_ENV(store_u8) void extism_store_u8(uint64_t at, uint32_t value);
GUEST_ENV(store_u64) void extism_store_u64(uint64_t at, uint64_t value);
GUEST_ENV(input_length) uint64_t extism_input_length(void);
GUEST_ENV(input_load_u8) uint32_t extism_input_load_u8(uint64_t offset);
GUEST_ENV(input_load_u64) uint64_t extism_input_load_u64(uint64_t offset);
/* The answer of this call: `length` bytes from `handle`. The block must not be freed. */
GUEST_ENV(output_set) void extism_output_set(uint64_t handle, uint64_t length);
/* The call fails with the text of the block, whatever the export returns; 0 takes it back. */
GUEST_ENV(error_set) void extism_error_set(uint64_t handle);
/* Variables of the capsule as long as it is loaded, 1 MiB in all. Arguments are freed; value 0 removes. */
GUEST_ENV(var_get) uint64_t extism_var_get(uint64_t key);
GUEST_ENV(var_set) void extism_var_set(uint64_t key, uint64_t value);

/* ---- What the host offers: the functions of a capsule ----
 *
 * Arguments and results are handles of blocks. Arguments stay the guest's: free them if many calls are made. Which of
 * the functions a capsule may use is said in its Capsule.toml; `capsule inspect` tells what would be refused. */

#define GUEST_HOST(name) __attribute__((import_module("extism:host/user"), import_name(#name)))

GUEST_HOST(astrid_fs_exists) uint64_t astrid_fs_exists(uint64_t path);
GUEST_HOST(astrid_fs_mkdir) void astrid_fs_mkdir(uint64_t path);
GUEST_HOST(astrid_fs_readdir) uint64_t astrid_fs_readdir(uint64_t path);
GUEST_HOST(astrid_fs_stat) uint64_t astrid_fs_stat(uint64_t path);
GUEST_HOST(astrid_fs_unlink) void astrid_fs_unlink(uint64_t path);
GUEST_HOST(astrid_read_file) uint64_t astrid_read_file(uint64_t path);
GUEST_HOST(astrid_write_file) void astrid_write_file(uint64_t path, uint64_t contents);
GUEST_HOST(astrid_ipc_publish) void astrid_ipc_publish(uint64_t topic, uint64_t payload);
GUEST_HOST(astrid_ipc_subscribe) uint64_t astrid_ipc_subscribe(uint64_t pattern);
GUEST_HOST(astrid_ipc_unsubscribe) void astrid_ipc_unsubscribe(uint64_t subscription);
GUEST_HOST(astrid_ipc_poll) uint64_t astrid_ipc_poll(uint64_t subscription);
GUEST_HOST(astrid_ipc_recv) uint64_t astrid_ipc_recv(uint64_t subscription, uint64_t timeout_ms);
GUEST_HOST(astrid_uplink_register)
uint64_t astrid_uplink_register(uint64_t name, uint64_t platform, uint64_t profile);
GUEST_HOST(astrid_uplink_send) uint64_t astrid_uplink_send(uint64_t uplink_id, uint64_t user, uint64_t content);
GUEST_HOST(astrid_kv_get) uint64_t astrid_kv_get(uint64_t key);
GUEST_HOST(astrid_kv_set) void astrid_kv_set(uint64_t key, uint64_t value);
GUEST_HOST(astrid_kv_delete) void astrid_kv_delete(uint64_t key);
GUEST_HOST(astrid_kv_list_keys) uint64_t astrid_kv_list_keys(uint64_t prefix);
GUEST_HOST(astrid_kv_clear_prefix) uint64_t astrid_kv_clear_prefix(uint64_t prefix);
GUEST_HOST(astrid_get_config) uint64_t astrid_get_config(uint64_t key);
GUEST_HOST(astrid_get_caller) uint64_t astrid_get_caller(void);
GUEST_HOST(astrid_http_request) uint64_t astrid_http_request(uint64_t request);
GUEST_HOST(astrid_trigger_hook) uint64_t astrid_trigger_hook(uint64_t request);
GUEST_HOST(astrid_log) void astrid_log(uint64_t level, uint64_t message);
GUEST_HOST(astrid_cron_schedule) void astrid_cron_schedule(uint64_t name, uint64_t schedule, uint64_t payload);
GUEST_HOST(astrid_cron_cancel) void astrid_cron_cancel(uint64_t name);
GUEST_HOST(astrid_spawn_host) uint64_t astrid_spawn_host(uint64_t request);
GUEST_HOST(astrid_net_bind_unix) uint64_t astrid_net_bind_unix(uint64_t path);
GUEST_HOST(astrid_net_accept) uint64_t astrid_net_accept(uint64_t listener);
GUEST_HOST(astrid_net_read) uint64_t astrid_net_read(uint64_t stream);
GUEST_HOST(astrid_net_write) void astrid_net_write(uint64_t stream, uint64_t data);
GUEST_HOST(astrid_elicit) uint64_t astrid_elicit(uint64_t request);
GUEST_HOST(astrid_has_secret) uint64_t astrid_has_secret(uint64_t request);
GUEST_HOST(astrid_signal_ready) void astrid_signal_ready(void);
GUEST_HOST(astrid_clock_ms) uint64_t astrid_clock_ms(void);
GUEST_HOST(astrid_get_interceptor_handles) uint64_t astrid_get_interceptor_handles(void);
GUEST_HOST(astrid_request_approval) uint64_t astrid_request_approval(uint64_t request);
GUEST_HOST(astrid_identity_resolve) uint64_t astrid_identity_resolve(uint64_t request);
GUEST_HOST(astrid_identity_link) uint64_t astrid_identity_link(uint64_t request);
GUEST_HOST(astrid_identity_unlink) uint64_t astrid_identity_unlink(uint64_t request);
GUEST_HOST(astrid_identity_create_user) uint64_t astrid_identity_create_user(uint64_t request);
GUEST_HOST(astrid_identity_list_links) uint64_t astrid_identity_list_links(uint64_t request);
GUEST_HOST(astrid_check_capsule_capability) uint64_t astrid_check_capsule_capability(uint64_t request);
GUEST_HOST(astrid_spawn_background_host) uint64_t astrid_spawn_background_host(uint64_t request);
GUEST_HOST(astrid_read_process_logs_host) uint64_t astrid_read_process_logs_host(uint64_t request);
GUEST_HOST(astrid_kill_process_host) uint64_t astrid_kill_process_host(uint64_t request);
GUEST_HOST(astrid_net_close_stream) void astrid_net_close_stream(uint64_t stream);
GUEST_HOST(astrid_net_poll_accept) uint64_t astrid_net_poll_accept(uint64_t listener);
GUEST_HOST(astrid_http_stream_start) uint64_t astrid_http_stream_start(uint64_t request);
GUEST_HOST(astrid_http_stream_read) uint64_t astrid_http_stream_read(uint64_t stream);
GUEST_HOST(astrid_http_stream_close) void astrid_http_stream_close(uint64_t stream);

#endif
