/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <capsule/check.h>

#include <sqlite3.h>
#include <uv.h>
#include <wasmtime.h>
#include <yyjson.h>

const char *capsule_version(void)
{
	return CAPSULE_VERSION;
}

const char *capsule_build_info(void)
{
	return "Wasmtime " WASMTIME_VERSION ", SQLite " SQLITE_VERSION ", yyjson " YYJSON_VERSION_STRING;
}
