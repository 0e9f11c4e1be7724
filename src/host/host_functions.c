/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The table of host functions, made from host_functions.def. */
#include "host/host_rows.h"

#include "base/limits.h"

/* How many arguments each row has. The leading zero makes room for rows without any. */
#define NO_ARGS
#define ARG(name, kind, limit) 0
#define HOST_FUNCTION(index, name, service, capability, waits, begin, finish, result, doc, ...)                        \
	ARGS_OF_##name = sizeof((const char[]){ 0, __VA_ARGS__ }) - 1,
enum {
#include "host/host_functions.def"
};
#undef HOST_FUNCTION
#undef ARG
#undef NO_ARGS

#define UNSERVED NULL
#define NO_ARGS                                                                                                        \
	{                                                                                                              \
		NULL, HOST_UNREAD, 0                                                                                   \
	}
#define ARG(name, kind, limit)                                                                                         \
	{                                                                                                              \
		(name), (kind), (limit)                                                                                \
	}
#define ROW(                                                                                                           \
	by_row, index, function, service_name, capability_key, waits_for, begin_fn, finish_fn, result_kind, text, ...) \
	[index] = {                                                                                                    \
		.name = #function,                                                                                     \
		.args = { __VA_ARGS__ },                                                                               \
		.arg_count = ARGS_OF_##function,                                                                       \
		.result = (result_kind),                                                                               \
		.waits = (waits_for),                                                                                  \
		.service = (service_name),                                                                             \
		.capability = (capability_key),                                                                        \
		.checks_itself = (by_row),                                                                             \
		.begin = (begin_fn),                                                                                   \
		.finish = (finish_fn),                                                                                 \
		.doc = (text),                                                                                         \
	},
#define HOST_FUNCTION(...) ROW(false, __VA_ARGS__)
#define HOST_FUNCTION_CHECKING(...) ROW(true, __VA_ARGS__)
const struct host_function host_functions[] = {
#include "host/host_functions.def"
};
#undef ROW
#undef HOST_FUNCTION
#undef ARG
#undef NO_ARGS
#undef UNSERVED

#define HOST_FUNCTION(index, name, service, capability, waits, begin, finish, result, doc, ...)                        \
	[index] = sizeof(#name) - 1,
static const uint8_t name_lengths[] = {
#include "host/host_functions.def"
};
#undef HOST_FUNCTION

#define ROW_COUNT (sizeof host_functions / sizeof host_functions[0])

const uint32_t host_function_count = ROW_COUNT;

/* Few names have the same length, so comparing lengths first makes this quicker than a search in sorted names would be. */
const struct host_function *host_function_find(struct span name)
{
	for (size_t i = 0; i < ROW_COUNT; i++) {
		if (name_lengths[i] == name.len && memcmp(host_functions[i].name, name.data, name.len) == 0)
			return &host_functions[i];
	}
	return NULL;
}
