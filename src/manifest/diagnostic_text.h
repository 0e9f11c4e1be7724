/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What of a hostile file may reach a terminal: one character at a time. */
#ifndef MANIFEST_DIAGNOSTIC_TEXT_H
#define MANIFEST_DIAGNOSTIC_TEXT_H

#include "base/span.h"

/** Length in bytes of the first character of `bytes`, which is not empty; 1 for a byte that is no UTF-8. `*plain` says
 *  whether it can be shown as it is: no control character (newline and tab are such, too), no line separator, nothing that
 *  changes the direction of writing. Threads: any. */
size_t diagnostic_char(struct span bytes, bool *plain);

#endif
