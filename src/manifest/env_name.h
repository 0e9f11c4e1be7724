/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Environment variables that no configuration from elsewhere may set for a program that the runtime starts. */
#ifndef MANIFEST_ENV_NAME_H
#define MANIFEST_ENV_NAME_H

#include "base/span.h"

/** Whether `name` decides which code a program runs, whom it trusts or where its traffic goes: HOME, PATH, LD_PRELOAD and the
 *  like, and every name that begins with LD_, DYLD_ or NPM_CONFIG_. Upper and lower case are the same. Threads: any. */
bool env_name_blocked(struct span name);

#endif
