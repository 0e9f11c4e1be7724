/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Where the overlays of capsules lie: each capsule has one for each workspace that it wrote to. */
#ifndef RUNTIME_OVERLAY_H
#define RUNTIME_OVERLAY_H

/** The folder of the overlay that the capsule `id` has on `workspace` (a canonical path) in the home at `home`:
 *  <home>/overlays/<first 32 digits of the BLAKE3 of the workspace's path>/<id>. Owned by the caller; NULL when out of
 *  memory. Threads: any. */
char *overlay_place(const char *home, const char *workspace, const char *id);

#endif
