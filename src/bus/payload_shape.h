/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the typed payloads look like, and writing a value in the form that its type has. */
#ifndef BUS_PAYLOAD_SHAPE_H
#define BUS_PAYLOAD_SHAPE_H

#include "base/json.h"
#include "bus/payload.h"

/** Append `"name":value` for each field that `type` has, a comma in front of each, from `object`: unknown ones left
 *  out, defaults filled in. Returns false when a field is missing or is not what it has to be (`out` has some bytes
 *  more then), or as buffer_append() does. */
bool payload_append_fields(struct buffer *out, enum payload_type type, const yyjson_val *object);

#endif
