/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a capsule may do, told from its manifest alone. */
#include "runtime/policy.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "base/text.h"
#include "gate/text.h"
#include "manifest/provides.h"
#include "runtime/discover.h"
#include "runtime/internal.h"

#include <inttypes.h>
#include <stdio.h>

#define SHOWN_MAX 400 /* bytes of one text of a manifest */

DEFINE_DROP(policy_drop, struct capsule_policy *, capsule_policy_free)

void capsule_policy_free(struct capsule_policy *policy)
{
	if (policy == NULL)
		return;
	gate_free(policy->gate);
	policy_fini(&policy->policy);
	entry_roots_fini(&policy->roots);
	manifest_free(policy->manifest);
	free(policy->dir);
	free(policy->workspace);
	free(policy->home);
	free(policy->global);
	buffer_fini(&policy->text);
	buffer_fini(&policy->operand);
	buffer_fini(&policy->reason);
	buffer_fini(&policy->fix);
	free(policy);
}

static enum capsule_status policy_fill(
	struct capsule_policy *policy, const struct capsule_policy_options *options, struct capsule_error *err)
{
	struct gate_roots roots;
	enum capsule_status status = places_resolve(
		options->workspace, options->home, &policy->workspace, &policy->home, &policy->global, err);

	if (status != CAPSULE_OK)
		return status;
	roots = (struct gate_roots){
		.workspace = policy->workspace, .global = policy->global, .forbidden = policy->home
	};
	status = entry_roots_make(&policy->roots, &roots, err);
	if (status == CAPSULE_OK)
		status = policy_make(&policy->policy, policy->manifest, &roots, err);
	if (status == CAPSULE_OK)
		status = gate_new_manifest(&policy->gate, policy->manifest, &roots, GATE_FOR_COMPONENT, err);
	return status;
}

enum capsule_status capsule_policy_new(struct capsule_policy **out, const char *path,
	const struct capsule_policy_options *options, struct capsule_error *err)
{
	HOLD(policy_drop) struct capsule_policy *policy = NULL;
	HOLD(diagnostics_fini) struct diagnostics found = { 0 };
	HOLD(buffer_fini) struct buffer source = { 0 };
	struct capsule_policy_options defaults = { .size = sizeof defaults };
	struct capsule_error failure;
	enum capsule_status status;

	error_clear(err);
	error_clear(&failure);
	if (out == NULL || path == NULL || path[0] == '\0')
		return error_set(err, CAPSULE_EINVAL, "no manifest is named");
	if (options != NULL && options->size < sizeof defaults)
		return error_set(err, CAPSULE_EINVAL,
			"options.size is %zu, expected %zu: set it to sizeof(struct capsule_policy_options)",
			options->size, sizeof defaults);
	policy = calloc(1, sizeof *policy);
	if (policy == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for a policy");
	status = manifest_load(&policy->manifest, path, &source, &found, &failure);
	blake3_bytes(buffer_span(&source), policy->hash);
	if (status == CAPSULE_OK && (policy->dir = capsule_folder(path, &failure)) == NULL)
		status = failure.status;
	if (status == CAPSULE_OK)
		status = policy_fill(policy, options != NULL ? options : &defaults, &failure);
	if (status != CAPSULE_OK)
		return error_copy(err, &failure);
	*out = GIVE(policy);
	return CAPSULE_OK;
}

/* ---- For a person ---- */

static bool append_heading(struct buffer *out, const char *title, size_t count, bool colour)
{
	return buffer_printf(out, "\n%s%s%s (%zu)\n", colour ? "\033[1m" : "", title, colour ? "\033[0m" : "", count);
}

static bool append_line(struct buffer *out, const char *text)
{
	return buffer_append_text(out, "  ") && gate_text_append(out, span_text(text), SHOWN_MAX) &&
		buffer_append_byte(out, '\n');
}

static void append_list(struct buffer *out, const char *title, const struct string_list *list, bool colour)
{
	if (list->count > 0)
		(void)append_heading(out, title, list->count, colour);
	for (size_t i = 0; i < list->count; i++)
		(void)append_line(out, list->items[i]);
}

/* The words of the manifest, in the order of their enums. */
static const char *const modes[] = { "observe", "guard", "rewrite" };
static const char *const on_error_words[] = { "deny", "allow" };
static const char *const on_full_words[] = { "drop-oldest", "block", "fail" };

/* "user.v1.*: check (guard, priority 5, 250 ms)": what differs from the default. */
static void append_interceptor(struct buffer *out, const struct manifest_interceptor *interceptor)
{
	(void)buffer_append_text(out, "  ");
	(void)gate_text_append(out, span_text(interceptor->event), SHOWN_MAX);
	(void)buffer_append_text(out, ": ");
	(void)gate_text_append(out, span_text(interceptor->action), SHOWN_MAX);
	(void)buffer_printf(out, " (%s", modes[interceptor->mode]);
	if (interceptor->mode != INTERCEPTOR_OBSERVES && interceptor->priority != 0)
		(void)buffer_printf(out, ", priority %" PRId64, interceptor->priority);
	if (interceptor->timeout_ms > 0)
		(void)buffer_printf(out, ", %" PRId64 " ms", interceptor->timeout_ms);
	if (interceptor->mode != INTERCEPTOR_OBSERVES && interceptor->on_error != INTERCEPTOR_DENIES)
		(void)buffer_printf(out, ", on error %s", on_error_words[interceptor->on_error]);
	if (interceptor->on_full != INTERCEPTOR_DROPS_OLDEST)
		(void)buffer_printf(out, ", on full %s", on_full_words[interceptor->on_full]);
	(void)buffer_append_text(out, ")\n");
}

static void append_tools(struct buffer *out, const struct manifest *manifest, bool colour)
{
	if (manifest->tools.count > 0)
		(void)append_heading(out, "tools", manifest->tools.count, colour);
	for (size_t i = 0; i < manifest->tools.count; i++)
		(void)append_line(out, manifest->tools.items[i].name);
	if (manifest->interceptors.count > 0)
		(void)append_heading(out, "interceptors", manifest->interceptors.count, colour);
	for (size_t i = 0; i < manifest->interceptors.count; i++)
		append_interceptor(out, &manifest->interceptors.items[i]);
}

static void append_limit(struct buffer *out, const char *key, int64_t limit)
{
	if (limit > 0)
		(void)buffer_printf(out, "  %s: %" PRId64 "\n", key, limit);
}

static void append_events(struct buffer *out, const struct manifest_events *events, bool colour)
{
	size_t count = (size_t)(events->inbox_messages > 0) + (size_t)(events->inbox_bytes > 0);

	if (count > 0)
		(void)append_heading(out, "events", count, colour);
	append_limit(out, "inbox_messages", events->inbox_messages);
	append_limit(out, "inbox_bytes", events->inbox_bytes);
}

const char *capsule_policy_text(struct capsule_policy *policy, bool colour)
{
	const struct manifest *manifest = policy->manifest;
	struct buffer *out = &policy->text;
	struct string_list provides = { 0 };

	buffer_clear(out);
	if (manifest_provides(manifest, &provides, NULL) != CAPSULE_OK)
		return NULL;
	(void)buffer_printf(out, "%s ", manifest->package.name);
	(void)gate_text_append(out, span_text(manifest->package.version), SHOWN_MAX);
	(void)buffer_append_text(out, ", ");
	(void)gate_text_append(out, span_text(manifest->path), SHOWN_MAX);
	(void)buffer_append_byte(out, '\n');
	(void)append_heading(out, "capabilities", policy->policy.count, colour);
	if (policy->policy.count == 0)
		(void)buffer_append_text(out,
			"  none: it computes, keeps key-value state of its own, and is refused "
			"everything else\n");
	(void)policy_append_text(&policy->policy, NULL, colour, out);
	append_list(out, "provides", &provides, colour);
	append_list(out, "requires", &manifest->requires, colour);
	append_tools(out, manifest, colour);
	append_events(out, &manifest->events, colour);
	(void)policy_append_programs_text(policy, colour, out);
	string_list_fini(&provides);
	(void)buffer_printf(out, "\n%zu dangerous, %zu unused\n", policy->policy.dangerous, policy->policy.unused);
	return buffer_text(out);
}

/* ---- For programs ---- */

static bool append_member(struct buffer *out, const char *key, const char *text)
{
	return buffer_printf(out, "\"%s\":", key) && json_append_lossy(out, span_text(text));
}

static void append_json_list(struct buffer *out, const char *key, const struct string_list *list)
{
	(void)buffer_printf(out, ",\"%s\":[", key);
	for (size_t i = 0; i < list->count; i++) {
		(void)buffer_append_text(out, i > 0 ? "," : "");
		(void)json_append_string(out, span_text(list->items[i]));
	}
	(void)buffer_append_byte(out, ']');
}

static void append_json_interceptor(struct buffer *out, const struct manifest_interceptor *interceptor)
{
	(void)buffer_append_byte(out, '{');
	(void)(append_member(out, "event", interceptor->event) && buffer_append_byte(out, ',') &&
		append_member(out, "action", interceptor->action));
	(void)buffer_printf(out,
		",\"mode\":\"%s\",\"priority\":%" PRId64 ",\"timeout_ms\":%" PRId64
		",\"on_error\":\"%s\",\"on_full\":\"%s\"}",
		modes[interceptor->mode], interceptor->priority, interceptor->timeout_ms,
		on_error_words[interceptor->on_error], on_full_words[interceptor->on_full]);
}

/* 0 stands for none. */
static void append_json_limit(struct buffer *out, const char *key, int64_t limit)
{
	if (limit > 0)
		(void)buffer_printf(out, "\"%s\":%" PRId64, key, limit);
	else
		(void)buffer_printf(out, "\"%s\":null", key);
}

static void append_json_tools(struct buffer *out, const struct manifest *manifest)
{
	(void)buffer_append_text(out, ",\"tools\":[");
	for (size_t i = 0; i < manifest->tools.count; i++) {
		(void)buffer_append_text(out, i > 0 ? "," : "");
		(void)json_append_string(out, span_text(manifest->tools.items[i].name));
	}
	(void)buffer_append_text(out, "],\"interceptors\":[");
	for (size_t i = 0; i < manifest->interceptors.count; i++) {
		(void)buffer_append_text(out, i > 0 ? "," : "");
		append_json_interceptor(out, &manifest->interceptors.items[i]);
	}
	(void)buffer_append_text(out, "],\"events\":{");
	append_json_limit(out, "inbox_messages", manifest->events.inbox_messages);
	(void)buffer_append_byte(out, ',');
	append_json_limit(out, "inbox_bytes", manifest->events.inbox_bytes);
	(void)buffer_append_byte(out, '}');
}

const char *capsule_policy_json(struct capsule_policy *policy)
{
	const struct manifest *manifest = policy->manifest;
	struct buffer *out = &policy->text;
	struct string_list provides = { 0 };

	buffer_clear(out);
	if (manifest_provides(manifest, &provides, NULL) != CAPSULE_OK)
		return NULL;
	(void)(buffer_append_byte(out, '{') && append_member(out, "id", manifest->package.name) &&
		buffer_append_byte(out, ',') && append_member(out, "version", manifest->package.version) &&
		buffer_append_byte(out, ',') && append_member(out, "manifest", manifest->path));
	(void)(buffer_append_text(out, ",\"capabilities\":") && policy_append_json(&policy->policy, out));
	append_json_list(out, "provides", &provides);
	append_json_list(out, "requires", &manifest->requires);
	append_json_tools(out, manifest);
	(void)policy_append_programs_json(policy, out);
	string_list_fini(&provides);
	(void)buffer_printf(out, ",\"dangerous\":%zu,\"unused\":%zu}", policy->policy.dangerous, policy->policy.unused);
	return buffer_text(out);
}
