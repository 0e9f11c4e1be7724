/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The operations that make a capsule of a folder or a module file, and that unload it. */
#include "runtime/takedown.h"

#include "base/cleanup.h"
#include "base/text.h"

void load_start(struct capsule_op *op, const char *file)
{
	struct capsule *capsule = op->capsule;
	struct capsule_error err;

	if (capsule_make_composite(capsule, &err) != CAPSULE_OK ||
		capsule_make_engines(capsule, file, &err) != CAPSULE_OK) {
		op_fail(&op->call.op, &err);
		return;
	}
	composite_load(capsule->composite, &op->call.op);
}

struct capsule_op *load_begin(
	struct capsule_runtime *runtime, capsule_done_fn done, void *user, struct capsule_error *err)
{
	struct capsule_op *op;

	if (takedown_of_all(runtime)) {
		(void)error_set(err, CAPSULE_ESTATE, "the runtime is being shut down: load when that is complete");
		return NULL;
	}
	op = operation_new(runtime, OPERATION_LOAD, done, user, err);
	if (op == NULL)
		return NULL;
	op->capsule = capsule_make(runtime, err);
	if (op->capsule == NULL) {
		operation_discard(op);
		return NULL;
	}
	op->capsule->loading = true;
	op_start(&op->call.op, operation_done, op, NULL, 0, "load");
	return op;
}

enum capsule_status capsule_load(struct capsule_runtime *runtime, const char *dir, capsule_done_fn done, void *user,
	struct capsule_op **out, struct capsule_error *err)
{
	enum capsule_status status = runtime_enter(runtime, out, "capsule_load", err);
	struct capsule_op *op;
	struct capsule_error failure;

	if (status != CAPSULE_OK)
		return status;
	if (dir == NULL || dir[0] == '\0')
		return error_set(err, CAPSULE_EINVAL, "no folder is named");
	op = load_begin(runtime, done, user, err);
	if (op == NULL)
		return takedown_of_all(runtime) ? CAPSULE_ESTATE : CAPSULE_ENOMEM;
	if (capsule_read_manifest(op->capsule, dir, NULL, &failure) != CAPSULE_OK)
		op_fail(&op->call.op, &failure);
	else
		load_start(op, NULL);
	*out = op;
	return CAPSULE_OK;
}

static enum capsule_status copy_settings(
	struct capsule *capsule, const struct capsule_setting *settings, size_t count, struct capsule_error *err)
{
	for (size_t i = 0; i < count; i++) {
		HOLD(free_drop) char *value = NULL;
		enum capsule_status status;
		void *old = NULL;

		if (settings[i].key == NULL || settings[i].value == NULL)
			return error_set(err, CAPSULE_EINVAL, "setting %zu has no %s", i,
				settings[i].key == NULL ? "key" : "value");
		value = text_copy(span_text(settings[i].value));
		if (value == NULL)
			return error_set(err, CAPSULE_ENOMEM, "no memory for a setting");
		status = map_put(&capsule->settings, span_text(settings[i].key), value, &old, err);
		if (status != CAPSULE_OK)
			return status;
		value = NULL;
		free(old);
	}
	return CAPSULE_OK;
}

enum capsule_status capsule_load_module(struct capsule_runtime *runtime, const char *file,
	const struct capsule_setting *settings, size_t count, capsule_done_fn done, void *user, struct capsule_op **out,
	struct capsule_error *err)
{
	struct capsule_op *op;
	const char *slash;
	enum capsule_status status = runtime_enter(runtime, out, "capsule_load_module", err);

	if (status != CAPSULE_OK)
		return status;
	if (file == NULL || file[0] == '\0')
		return error_set(err, CAPSULE_EINVAL, "no module file is named");
	if (settings == NULL && count > 0)
		return error_set(err, CAPSULE_EINVAL, "%zu settings are announced, but they are NULL", count);
	op = load_begin(runtime, done, user, err);
	if (op == NULL)
		return takedown_of_all(runtime) ? CAPSULE_ESTATE : CAPSULE_ENOMEM;
	op->capsule->bare = true;
	slash = strrchr(file, '/');
	op->capsule->id = text_copy(span_text(slash == NULL || slash[1] == '\0' ? file : slash + 1));
	status = op->capsule->id != NULL ? copy_settings(op->capsule, settings, count, err)
					 : error_set(err, CAPSULE_ENOMEM, "no memory for a module");
	if (status != CAPSULE_OK) {
		capsule_op_free(op);
		return status;
	}
	load_start(op, file);
	*out = op;
	return CAPSULE_OK;
}

enum capsule_status capsule_unload(
	struct capsule *capsule, capsule_done_fn done, void *user, struct capsule_op **out, struct capsule_error *err)
{
	enum capsule_status status = runtime_enter(
		capsule == NULL ? NULL : capsule->runtime, out, "capsule_unload", err);
	struct capsule_op *op;

	if (status != CAPSULE_OK || capsule == NULL)
		return status;
	if (capsule->unloading)
		return error_set(err, CAPSULE_ESTATE, "capsule '%s' is being unloaded already", capsule->id);
	op = operation_new(capsule->runtime, OPERATION_UNLOAD, done, user, err);
	if (op == NULL)
		return CAPSULE_ENOMEM;
	capsule->unloading = true;
	op->capsule = capsule;
	op_start(&op->call.op, operation_done, op, NULL, 0, "unload");
	composite_unload(capsule->composite, &op->call.op);
	*out = op;
	return CAPSULE_OK;
}
