/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What can go wrong, and the object that says so. One table makes the status names, their texts, the exit status of
 * the command line and the code sent to JSON-RPC peers. */
#ifndef CAPSULE_ERROR_H
#define CAPSULE_ERROR_H

#include <capsule/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/* name, text, exit status, JSON-RPC code */
#define CAPSULE_STATUS_TABLE(ROW)                                                                                      \
	ROW(OK, "done", 0, 0)                                                                                          \
	ROW(EINVAL, "invalid argument", 1, -32602)                                                                     \
	ROW(EUSAGE, "wrong usage", 2, -32600)                                                                          \
	ROW(EMANIFEST, "invalid manifest", 1, -32001)                                                                  \
	ROW(EMODULE, "invalid module", 1, -32002)                                                                      \
	ROW(ENOTFOUND, "not found", 1, -32003)                                                                         \
	ROW(EDENIED, "denied", 1, -32004)                                                                              \
	ROW(EUNSUPPORTED, "not supported", 1, -32601)                                                                  \
	ROW(EGUEST, "the guest returned an error", 1, -32005)                                                          \
	ROW(ETRAP, "the guest trapped", 1, -32006)                                                                     \
	ROW(ETIMEOUT, "time limit reached", 1, -32007)                                                                 \
	ROW(ECANCELLED, "cancelled", 1, -32800)                                                                        \
	ROW(ELIMIT, "limit exceeded", 1, -32008)                                                                       \
	ROW(ENOMEM, "out of memory", 1, -32009)                                                                        \
	ROW(EIO, "input/output error", 1, -32010)                                                                      \
	ROW(ESTORE, "storage error", 1, -32011)                                                                        \
	ROW(ELOCKED, "in use by another process", 1, -32012)                                                           \
	ROW(ESTATE, "not possible in this state", 1, -32013)                                                           \
	ROW(EINTERNAL, "internal error", 1, -32603)

enum capsule_status {
#define CAPSULE_STATUS_ROW(name, text, exit_status, rpc_code) CAPSULE_##name,
	CAPSULE_STATUS_TABLE(CAPSULE_STATUS_ROW)
#undef CAPSULE_STATUS_ROW
		CAPSULE_STATUS_COUNT
};

/** An error: status, message, and where it happened. Made by the caller, filled by the library, reusable.
 *  Every function that takes one accepts NULL. Threads: one at a time. */
struct capsule_error;

/** Make an empty error object. Returns NULL when out of memory. Free it with capsule_error_free(). */
CAPSULE_API struct capsule_error *capsule_error_new(void);

/** Free `error` (taken; NULL is fine). */
CAPSULE_API void capsule_error_free(struct capsule_error *error);

/** The status of the last failure noted in `error`; CAPSULE_OK for NULL or when nothing failed. */
CAPSULE_API enum capsule_status capsule_error_status(const struct capsule_error *error);

/** The message, UTF-8, at most 1023 bytes. Borrowed from `error`, valid until it is filled again; "" when nothing failed. */
CAPSULE_API const char *capsule_error_text(const struct capsule_error *error);

/** The errno value of the system call that failed, 0 when none did. */
CAPSULE_API int capsule_error_os(const struct capsule_error *error);

/** The fixed words for `status`, a static string; "unknown status" for a value outside the table. */
CAPSULE_API const char *capsule_status_text(enum capsule_status status);

/** The exit status of a program that ends because of `status`: 0 done, 1 failed, 2 usage. */
CAPSULE_API int capsule_status_exit(enum capsule_status status);

/** The JSON-RPC error code for `status`, 0 for CAPSULE_OK. */
CAPSULE_API int capsule_status_rpc(enum capsule_status status);

#ifdef __cplusplus
}
#endif

#endif
