/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* JSON for programs: compact, indented on a terminal, one document and a newline. */
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include "cli/output.h"
#include <yyjson.h>

/** Print a document. Returns the exit status: 0, or 1 after having said that memory ran out. */
int cli_json_print(const struct output *out, const yyjson_mut_doc *doc);

/** Print what the library wrote as JSON text. Returns as above. */
int cli_json_print_text(const struct output *out, const char *text);

/** Print the item at `index` of the array in such a text. Returns as above. */
int cli_json_print_item(const struct output *out, const char *text, size_t index);

/** Read JSON with its numbers kept as they are written. NULL when it is none. Free it with yyjson_doc_free(). */
yyjson_doc *cli_json_read(const char *text, size_t len);

/** Add `result` and `result_type` to `object` for the `len` bytes of an answer: "json" with its value, "text" with a string, or
 *  "base64". Returns false when memory ran out. */
bool cli_json_add_result(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *bytes, size_t len);

/** `text` under `key`, null when it is NULL; a byte that is no UTF-8 becomes U+FFFD. Returns false when memory ran out. */
bool cli_json_add_text(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, const char *text);

/** Nanoseconds as microseconds, added to `object` under `key` (borrowed until the document is printed). */
bool cli_json_add_us(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, int64_t ns);

/** The whole number `key` of `object`, which cli_json_read() read; 0 when there is none. */
uint64_t cli_json_number(yyjson_val *object, const char *key);

/** The string `key` of `object`, NULL when there is none. */
const char *cli_json_string(yyjson_val *object, const char *key);

#endif
