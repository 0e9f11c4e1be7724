/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What commands say of a discovery besides its capsules. */
#ifndef CLI_FOUND_H
#define CLI_FOUND_H

#include <capsule/discover.h>
#include <stdbool.h>
#include <stdio.h>

/** Say on standard error what is wrong with whole folders, and which capsules are left out and why. Returns the exit status: 0, or 1
 *  when a folder can't be read or a manifest is broken. */
int cli_found_tell_left_out(const struct capsule_discovery *discovery);

/** Write `heading` and below it each place that was searched, cleaned. */
void cli_found_tell_places(FILE *stream, const char *heading, const struct capsule_discovery *discovery);

#endif
