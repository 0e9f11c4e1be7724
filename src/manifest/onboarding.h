/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a person is asked when a setting has no value: one field of a form, made from the setting's definition. */
#ifndef MANIFEST_ONBOARDING_H
#define MANIFEST_ONBOARDING_H

#include "base/buffer.h"
#include "manifest/manifest.h"

/** Append the field for `env` as a JSON object: key, prompt, description (when there is one), field_type ("Secret", "Array",
 *  {"Enum":[...]} for two choices and more, else "Text"), default (when there is one: a string as it is, anything else as its
 *  JSON text; the only choice when there is one choice and no default), placeholder (when there is one).
 *  Returns as buffer_append(). Threads: any. */
bool onboarding_append(struct buffer *out, const struct manifest_env *env);

#endif
