/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A tool's JSON Schema in words. */
#ifndef CLI_SCHEMA_H
#define CLI_SCHEMA_H

#include "cli/output.h"
#include <yyjson.h>

/** Print a line for each property of `schema`, indented: name, type, whether it is required, description. Returns false when
 *  memory ran out. */
bool cli_schema_print(const struct output *out, yyjson_val *schema);

#endif
