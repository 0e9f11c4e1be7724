/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <capsule/check.h>

#include "engine/wasm/wasm.h"

const char *capsule_version(void)
{
	return CAPSULE_VERSION;
}

const char *capsule_build_info(void)
{
	return wasm_build_info();
}
