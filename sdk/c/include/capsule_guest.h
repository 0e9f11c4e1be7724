/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Write a capsule in C: include this header and nothing else. It needs clang and wasm-ld 14 or newer, and no C library;
 * wasi-libc may be linked too. capsule.mk has the options for the compiler. A tool is a function:
 *
 *   #include <capsule_guest.h>
 *
 *   CAPSULE_TOOL(greet)
 *   {
 *           struct guest_bytes name = guest_get_text(args, "name");
 *
 *           guest_begin_object(out);
 *           guest_put_text(out, "greeting", guest_join("Hello, ", name, "!"));
 *   }
 *
 * Three things to know:
 * - A host function that fails does not return: the call ends there and then with the host's text, and the next call gets a
 *   fresh instance. There is nothing to check after guest_kv_set() and its like, and no chance to clean up: keep state in
 *   the key-value store, and write it in one piece.
 * - What fails in the guest does return: getters and others keep the first failure and give something empty, and from then
 *   on the functions of the host do nothing. The call fails with it when the handler returns. So a handler may be written
 *   in a straight line; guest_failed() tells those that loop or compute for long.
 * - What functions give is valid until the next call; nothing is freed before. Text is UTF-8 with a length; wherever a
 *   macro takes text or bytes, it takes a C string or a struct guest_bytes.
 *
 * In reading order:
 *   handlers.h    tools, interceptors, cron jobs, hooks, run loops
 *   json_read.h   arguments                    json_write.h  answers
 *   services.h    key-value store, log, configuration, clock
 *   host.h        every function of the host, written from its table
 *   text.h        failures, text of parts      bytes.h       bytes and UTF-8
 *   memory.h      what is kept how long        blocks.h      what crosses to the host
 *
 * With -DCAPSULE_PORTABLE the module imports only what every host of the Extism ABI has; see blocks.h. */
#ifndef CAPSULE_GUEST_H
#define CAPSULE_GUEST_H

#include "capsule_guest/handlers.h"
#include "capsule_guest/services.h"

#endif
