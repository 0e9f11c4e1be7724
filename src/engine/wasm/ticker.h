/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The thread that cuts guests' time into slices: it moves the engine's epoch on every millisecond while the loop is inside a
 * guest. When nobody has been for a while it sleeps, so that an idle process makes no wake-ups. */
#ifndef WASM_TICKER_H
#define WASM_TICKER_H

#include "base/error.h"
#include <stdatomic.h>
#include <wasm.h>

#define TICKER_PERIOD_US 1000

struct ticker;

/** Start a ticker for `engine` (borrowed until ticker_free()). */
MUST_CHECK enum capsule_status ticker_new(struct ticker **out, wasm_engine_t *engine, struct capsule_error *err);
void ticker_free(struct ticker *ticker);

/** Around each stay inside a guest. Threads: loop. */
void ticker_enter(struct ticker *ticker);
void ticker_leave(struct ticker *ticker);

#endif
