/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* libcapsule: run sandboxed capsules from C. The headers in reading order. */
#ifndef CAPSULE_CAPSULE_H
#define CAPSULE_CAPSULE_H

#include <capsule/error.h>
#include <capsule/log.h>
#include <capsule/runtime.h>
#include <capsule/op.h>
#include <capsule/instance.h>
#include <capsule/mcp.h>
#include <capsule/discover.h>
#include <capsule/boot.h>
#include <capsule/event.h>
#include <capsule/mcp.h>
#include <capsule/check.h>
#include <capsule/policy.h>
#include <capsule/content.h>
#include <capsule/files.h>
#include <capsule/cache.h>

#endif
