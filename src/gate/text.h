/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Text of manifests and guests on its way to people. */
#ifndef GATE_TEXT_H
#define GATE_TEXT_H

#include "base/buffer.h"

#define TEXT_SHOWN_MAX 256 /* bytes of one operand or entry in a message */

/** Append `bytes` with every character that a terminal might obey or reorder by, and every byte that is no UTF-8, replaced
 *  by '?'; cut to `max` bytes with "..." behind it. Returns false as buffer_append() does. */
bool gate_text_append(struct buffer *out, struct span bytes, size_t max);

#endif
