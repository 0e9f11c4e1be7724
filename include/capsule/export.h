/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Marks of the public functions: visible in the shared library, their results not to be ignored. */
#ifndef CAPSULE_EXPORT_H
#define CAPSULE_EXPORT_H

#if defined(__GNUC__)
#define CAPSULE_API __attribute__((visibility("default")))
#define CAPSULE_MUST_CHECK __attribute__((warn_unused_result))
#else
#define CAPSULE_API
#define CAPSULE_MUST_CHECK
#endif

#endif
