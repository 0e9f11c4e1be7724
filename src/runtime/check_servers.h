/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef RUNTIME_CHECK_SERVERS_H
#define RUNTIME_CHECK_SERVERS_H

#include "manifest/manifest.h"

/** Tell about the MCP servers of `manifest`, which belongs to the folder `dir`: programs that are not found here and
 *  arguments that name a file without `./` are warnings; a program, file or folder with another digest than the manifest
 *  has is an error. Blocks as long as hashing takes. Threads: any. */
void check_servers(struct diagnostics *found, const struct manifest *manifest, const char *dir);

#endif
