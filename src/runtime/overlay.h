/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Where overlays are kept. */
#ifndef RUNTIME_OVERLAY_H
#define RUNTIME_OVERLAY_H

/** The folder in `home` for the overlay that the capsule `id` has on `workspace` (canonical). Owned by the caller; NULL when out
 *  of memory. Threads: any. */
char *overlay_place(const char *home, const char *workspace, const char *id);

#endif
