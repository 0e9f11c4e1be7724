/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Loading a whole set, one capsule after the other in the order of what they require, and shutting it down. A boot keeps no
 * pointer to a capsule that others can reach: between two steps somebody may unload it. */
#include "base/cleanup.h"
#include "base/limits.h"
#include "base/text.h"
#include "manifest/order.h"
#include "runtime/discover.h"
#include "runtime/takedown.h"

#include <stdio.h>
#include <strings.h>

struct boot {
	struct capsule_runtime *runtime;
	struct capsule_op *handle;
	const struct capsule_discovery *discovery; /* borrowed */
	const struct manifest **manifests;         /* of the good ones; borrowed from it */
	size_t *items;                             /* their places in the discovery */
	bool *waited;                              /* which of them were waited for */
	size_t count;
	struct order order;
	size_t at;               /* in order.sequence */
	struct capsule *capsule; /* being loaded, or replaced */
	struct op step;          /* loading it, unloading what it replaces, or waiting for a provider */
	const char *provider;    /* the one that is waited for */
	char stage[2 * LIMIT_NAME + 32];
};

static void boot_free(struct boot *boot)
{
	if (boot->handle != NULL)
		boot->handle->call.op.stage = NULL;
	op_fini(&boot->step);
	order_fini(&boot->order);
	free(boot->manifests);
	free(boot->items);
	free(boot->waited);
	free(boot);
}

DEFINE_DROP(boot_drop, struct boot *, boot_free)

static void go_on(struct boot *boot);

static const struct discovered *item_of(const struct boot *boot, size_t index)
{
	return &boot->discovery->found.items[boot->items[index]];
}

static void say(const struct boot *boot, enum capsule_log_level level, const char *id, struct capsule_error *text)
{
	log_write(&boot->runtime->log, level, id, span_text(text->text));
}

/* ---- What one capsule waits for ---- */

/* The first edge whose consumer is `consumer`; they are sorted by it. */
static size_t first_edge(const struct order *order, size_t consumer)
{
	size_t from = 0, to = order->edge_count;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (order->edges[middle].consumer < consumer)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

/* A provider whose loop has not been waited for in this boot, NULL when there is none left. */
static struct capsule *provider_to_await(struct boot *boot, size_t consumer)
{
	const struct order *order = &boot->order;

	for (size_t i = first_edge(order, consumer); i < order->edge_count && order->edges[i].consumer == consumer;
		i++) {
		size_t provider = order->edges[i].provider;
		struct capsule *capsule;

		if (boot->waited[provider] ||
			(order->cycle_of[consumer] != 0 && order->cycle_of[provider] == order->cycle_of[consumer]))
			continue;
		boot->waited[provider] = true;
		capsule = capsule_find(boot->runtime, boot->manifests[provider]->package.name);
		if (capsule != NULL && capsule->wasm != NULL && wasm_capsule_loops(capsule->wasm) &&
			composite_state(capsule->composite, NULL) == COMPOSITE_READY) {
			boot->provider = boot->manifests[provider]->package.name;
			return capsule;
		}
	}
	return NULL;
}

static void provider_ready(struct op *op, void *user)
{
	struct boot *boot = user;
	struct capsule_error text;

	if (op->error.status != CAPSULE_OK) {
		(void)error_set(&text, op->error.status,
			"it is not ready (%s); those that require it are loaded all the same", op->error.text);
		say(boot, CAPSULE_LOG_WARN, boot->provider, &text);
	}
	go_on(boot);
}

/* ---- One capsule ---- */

static void loaded(struct op *op, void *user)
{
	struct boot *boot = user;
	struct capsule *capsule = boot->capsule;

	boot->capsule = NULL;
	capsule->loading = false;
	if (op->error.status == CAPSULE_OK && capsule->tools_json == NULL)
		(void)error_set(&op->error, CAPSULE_ENOMEM, "no memory for the list of tools");
	if (op->error.status != CAPSULE_OK)
		say(boot, CAPSULE_LOG_ERROR, capsule->id, &op->error);
	boot->at++;
	go_on(boot);
}

/* It can't even be tried. The rest goes on. */
static void not_loaded(struct boot *boot, struct capsule *capsule, struct capsule_error *err)
{
	say(boot, CAPSULE_LOG_ERROR, item_of(boot, boot->order.sequence[boot->at])->manifest->package.name, err);
	boot->at++;
	if (capsule == NULL)
		return;
	capsule->loading = false;
	if (capsule->composite != NULL)
		composite_fail(capsule->composite, err);
	else
		capsule_leave(capsule); /* no memory to keep even that */
}

/* The state that is kept under an id belongs to who was installed or named. What a workspace brings along has state of its
 * own folder, so that it reads and changes nobody else's by taking a name. */
static void name_state(struct capsule *capsule)
{
	uint8_t hash[BLAKE3_SIZE];

	blake3_bytes(span_text(capsule->dir), hash);
	capsule->state_name[0] = '@'; /* no id has one */
	blake3_hex(hash, capsule->state_name + 1);
}

/* What was approved are bytes, not names: the engines refuse any other ones. */
static enum capsule_status pin_files(struct capsule *capsule, const struct discovered *item, struct capsule_error *err)
{
	struct manifest_component *component = capsule->manifest->components.items;
	char *hash;

	free(capsule->approved);
	free(capsule->rights);
	capsule->approved = item->approved == NULL ? NULL : text_copy(span_text(item->approved));
	capsule->rights = item->rights == NULL ? NULL : text_copy(span_text(item->rights));
	if ((capsule->approved == NULL && item->approved != NULL) || (capsule->rights == NULL && item->rights != NULL))
		return error_set(err, CAPSULE_ENOMEM, "no memory for what was approved");
	if (item->origin == DISCOVERY_WORKSPACE)
		name_state(capsule);

	if (item->module_blake3[0] == '\0' || capsule->manifest->components.count == 0)
		return CAPSULE_OK;
	/* One that the manifest names as well must hold, too. */
	if (component->hash != NULL && strcasecmp(component->hash, item->module_blake3) != 0)
		return error_set(
			err, CAPSULE_EMODULE, "the module that was approved is not the one that the manifest names");
	hash = text_copy(span_text(item->module_blake3));
	if (hash == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for a module's hash");
	free(component->hash);
	component->hash = hash;
	return CAPSULE_OK;
}

/* Returns whether a step was started. */
static bool load_one(struct boot *boot, const struct discovered *item)
{
	struct capsule_error err;
	struct capsule *capsule = capsule_make(boot->runtime, &err);
	bool good;

	if (capsule == NULL) {
		not_loaded(boot, NULL, &err);
		return false;
	}
	capsule->boot = boot->runtime->boots;
	capsule->loading = true;
	capsule->id = text_copy(span_text(item->manifest->package.name));
	capsule->dir = text_copy(span_text(item->dir));
	if (capsule->id == NULL || capsule->dir == NULL)
		good = error_set(&err, CAPSULE_ENOMEM, "no memory for a capsule") == CAPSULE_OK;
	else
		good = capsule_make_composite(capsule, &err) == CAPSULE_OK &&
			capsule_read_manifest(capsule, item->dir, item->hash, &err) == CAPSULE_OK &&
			pin_files(capsule, item, &err) == CAPSULE_OK &&
			capsule_make_engines(capsule, NULL, &err) == CAPSULE_OK;
	if (!good) {
		not_loaded(boot, capsule, &err);
		return false;
	}
	boot->capsule = capsule;
	op_start(&boot->step, loaded, boot, NULL, 0, "load");
	composite_load(capsule->composite, &boot->step);
	return true;
}

static void replaced(struct op *op, void *user)
{
	struct boot *boot = user;
	struct capsule *capsule = boot->capsule;

	(void)op;
	boot->capsule = NULL;
	capsule_leave(capsule);
	go_on(boot);
}

/* What is known under the id already: true when that is all there is to do now, with or without a step. */
static bool meet_known(struct boot *boot, const struct discovered *item, bool *stepped)
{
	const char *id = item->manifest->package.name;
	struct capsule *known = capsule_find(boot->runtime, id);
	struct capsule_error text;

	*stepped = false;
	if (known == NULL)
		return false;
	if (composite_state(known->composite, NULL) == COMPOSITE_READY) {
		HOLD(free_drop) char *dir = realpath(item->dir, NULL);

		if (known->dir != NULL && dir != NULL && strcmp(known->dir, dir) != 0) {
			(void)error_set(&text, CAPSULE_ESTATE,
				"Already registered: %s, from %.256s; %.256s is not loaded", id, known->dir, dir);
			say(boot, CAPSULE_LOG_WARN, id, &text);
		}
		boot->at++;
		return true;
	}
	known->unloading = true;
	boot->capsule = known;
	op_start(&boot->step, replaced, boot, NULL, 0, "unload");
	composite_unload(known->composite, &boot->step);
	*stepped = true;
	return true;
}

/* Until a step was started, or all were tried. */
static void go_on(struct boot *boot)
{
	struct capsule_op *handle = boot->handle;
	bool stepped = false;

	while (!stepped && boot->at < boot->count) {
		size_t index = boot->order.sequence[boot->at];
		const struct discovered *item = item_of(boot, index);
		struct capsule *provider = provider_to_await(boot, index);

		handle->call.op.stage = item->manifest->package.name;
		if (provider != NULL) {
			(void)snprintf(boot->stage, sizeof boot->stage, "%s, which waits for %s",
				item->manifest->package.name, boot->provider);
			handle->call.op.stage = boot->stage;
			composite_wait_ready(
				provider->composite, &boot->step, boot->runtime->ready_ms, provider_ready, boot);
			return;
		}
		if (!meet_known(boot, item, &stepped))
			stepped = load_one(boot, item);
	}
	if (stepped)
		return;
	boot->runtime->boot = NULL;
	events_tell_started(boot->runtime);
	if (capsule_append_states(boot->runtime, &handle->call.op.result)) {
		op_finish(&handle->call.op);
	} else {
		struct capsule_error err;

		(void)error_set(&err, CAPSULE_ENOMEM, "no memory for the states of the capsules");
		op_fail(&handle->call.op, &err);
	}
	boot_free(boot);
}

/* ---- The whole set ---- */

/* Cancelled, or its handle is gone: what it is at is let go of, and what it loaded is taken down. */
static void boot_stopped(struct op *op)
{
	struct boot *boot = op->producer;
	struct capsule_runtime *runtime = boot->runtime;
	struct capsule *capsule = boot->capsule;
	uint32_t number = runtime->boots;
	struct capsule_error err;

	runtime->boot = NULL;
	boot_free(boot);
	if (capsule != NULL && capsule->unloading)
		capsule_leave(capsule);
	else if (capsule != NULL)
		capsule->loading = false;
	if (takedown_start(runtime, number, NULL, &err) != CAPSULE_OK)
		log_write(&runtime->log, CAPSULE_LOG_ERROR, NULL, span_text(err.text));
}

static enum capsule_status collect(struct boot *boot, struct capsule_error *err)
{
	const struct discovery *found = &boot->discovery->found;

	/* One more: nothing at all is no failure of the allocator. */
	boot->manifests = calloc(found->count + 1, sizeof *boot->manifests);
	boot->items = calloc(found->count + 1, sizeof *boot->items);
	boot->waited = calloc(found->count + 1, sizeof *boot->waited);
	if (boot->manifests == NULL || boot->items == NULL || boot->waited == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory to load the capsules");
	for (size_t i = 0; i < found->count; i++) {
		if (found->items[i].state != DISCOVERY_GOOD)
			continue;
		boot->items[boot->count] = i;
		boot->manifests[boot->count++] = found->items[i].manifest;
	}
	return order_manifests(&boot->order, boot->manifests, boot->count, err);
}

/* Neither keeps a capsule from being loaded, and neither should surprise anybody. */
static void tell_order(const struct boot *boot)
{
	const struct order *order = &boot->order;
	struct capsule_error text;

	for (size_t i = 1; i <= order->cycle_count; i++) {
		(void)order_cycle_error(order, boot->manifests, i, &text);
		say(boot, CAPSULE_LOG_WARN, NULL, &text);
	}
	for (size_t i = 0; i < order->unmet_count; i++) {
		const struct manifest *consumer = boot->manifests[order->unmet[i].consumer];

		(void)error_set(&text, CAPSULE_ENOTFOUND, "requires `%.256s`, which none of the capsules provides",
			consumer->requires.items[order->unmet[i].requirement]);
		say(boot, CAPSULE_LOG_WARN, consumer->package.name, &text);
	}
}

static enum capsule_status check_idle(const struct capsule_runtime *runtime, struct capsule_error *err)
{
	if (runtime->boot != NULL)
		return error_set(err, CAPSULE_ESTATE, "a boot is under way: wait for its end, or cancel it");
	if (runtime->takedown == NULL)
		return CAPSULE_OK;
	return error_set(err, CAPSULE_ESTATE,
		takedown_of_all(runtime)
			? "the runtime is being shut down: boot when that is complete"
			: "what the cancelled boot loaded is still being unloaded: boot after some turns");
}

enum capsule_status capsule_boot(struct capsule_runtime *runtime, struct capsule_discovery *discovery,
	capsule_done_fn done, void *user, struct capsule_op **out, struct capsule_error *err)
{
	HOLD(boot_drop) struct boot *boot = NULL;
	enum capsule_status status = runtime_enter(runtime, out, "capsule_boot", err);
	struct capsule_op *op;

	if (status == CAPSULE_OK && discovery == NULL)
		status = error_set(err, CAPSULE_EINVAL, "capsule_boot(): no discovery is given");
	if (status == CAPSULE_OK)
		status = check_idle(runtime, err);
	if (status != CAPSULE_OK)
		return status;
	boot = calloc(1, sizeof *boot);
	if (boot == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory to load the capsules");
	boot->runtime = runtime;
	boot->discovery = discovery;
	op_init(&boot->step, runtime->loop);
	status = collect(boot, err);
	if (status != CAPSULE_OK)
		return status;
	op = operation_new(runtime, OPERATION_BOOT, done, user, err);
	if (op == NULL)
		return CAPSULE_ENOMEM;
	boot->handle = op;
	runtime->boot = boot;
	runtime->boots++;
	op_start(&op->call.op, operation_done, op, boot_stopped, 0, "boot");
	op->call.op.producer = boot;
	tell_order(boot);
	go_on(GIVE(boot));
	*out = op;
	return CAPSULE_OK;
}

enum capsule_status capsule_shutdown(struct capsule_runtime *runtime, capsule_done_fn done, void *user,
	struct capsule_op **out, struct capsule_error *err)
{
	enum capsule_status status = runtime_enter(runtime, out, "capsule_shutdown", err);
	struct capsule_op *op;

	if (status != CAPSULE_OK)
		return status;
	if (takedown_of_all(runtime))
		return error_set(err, CAPSULE_ESTATE, "the runtime is being shut down already");
	op = operation_new(runtime, OPERATION_SHUTDOWN, done, user, err);
	if (op == NULL)
		return CAPSULE_ENOMEM;
	op_start(&op->call.op, operation_done, op, NULL, 0, "shutdown");
	if (runtime->boot != NULL)
		op_cancel(&runtime->boot->handle->call.op);
	status = takedown_start(runtime, 0, op, err);
	if (status != CAPSULE_OK) {
		op_fini(&op->call.op);
		operation_discard(op);
		return status;
	}
	events_tell_shutdown(runtime);
	*out = op;
	return CAPSULE_OK;
}
