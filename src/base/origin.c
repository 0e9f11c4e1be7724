/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The embedder's own origin, from which every other one descends. */
#include "base/origin.h"

#include <string.h>

void origin_init(struct origin *origin)
{
	static const char principal[] = "default";

	*origin = (struct origin){ 0 };
	memcpy(origin->principal, principal, sizeof principal);
}
