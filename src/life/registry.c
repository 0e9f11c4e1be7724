/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Every uplink stands in the list of its capsule, in the map of ids and in the list of its platform; every session in the list of its
 * capsule and in the map. So whatever goes away is unlinked without a search. */
#include "life/registry.h"

#include "base/cleanup.h"
#include "base/limits.h"
#include "base/text.h"

#include <stdlib.h>

struct registered {
	struct list_node link;           /* in registry.entries */
	const struct manifest *manifest; /* borrowed; its package.name is the id */
	void *value;
	struct list_node uplinks; /* struct uplink, in the order of their registration */
	size_t uplink_count;
	struct list_node sessions; /* struct session */
};

/* The uplinks of one platform; gone with the last of them. */
struct platform {
	struct list_node uplinks; /* struct uplink, in the order of their registration */
};

struct uplink {
	struct uplink_descriptor descriptor;
	bool declared; /* by the manifest, and not taken up by the guest yet */
	struct platform *platform;
	struct list_node of_capsule, of_platform;
};

struct session {
	struct uuid id;
	struct registered *capsule;
	struct list_node of_capsule;
};

static struct span uuid_span(const struct uuid *uuid)
{
	return span_of(uuid->bytes, sizeof uuid->bytes);
}

static const char *registered_id(const struct registered *entry)
{
	return entry->manifest->package.name;
}

static struct registered *registry_entry(const struct registry *registry, const char *id)
{
	return map_get(&registry->capsules, span_text(id));
}

static enum capsule_status not_registered(const char *id, struct capsule_error *err)
{
	return error_set(err, CAPSULE_ENOTFOUND, "no capsule `%.256s` is registered", id);
}

static void uplink_free(struct uplink *uplink)
{
	if (uplink == NULL)
		return;
	free(uplink->descriptor.name);
	free(uplink->descriptor.platform);
	free(uplink);
}

DEFINE_DROP(uplink_drop, struct uplink *, uplink_free)

/* Takes it out of whatever it is in. */
static void uplink_remove(struct registry *registry, struct uplink *uplink)
{
	list_remove(&uplink->of_capsule);
	list_remove(&uplink->of_platform);
	(void)map_remove(&registry->uplinks, uuid_span(&uplink->descriptor.id));
	if (uplink->platform != NULL && list_empty(&uplink->platform->uplinks))
		free(map_remove(&registry->platforms, span_text(uplink->descriptor.platform)));
	uplink_free(uplink);
}

static void session_remove(struct registry *registry, struct session *session)
{
	list_remove(&session->of_capsule);
	(void)map_remove(&registry->sessions, uuid_span(&session->id));
	free(session);
}

/* Takes its uplinks and sessions out, and frees the entry, which is in the map of capsules no more. */
static void registered_remove(struct registry *registry, struct registered *entry)
{
	struct list_node *node;

	list_remove(&entry->link);
	while ((node = list_take_first(&entry->uplinks)) != NULL)
		uplink_remove(registry, LIST_ENTRY(node, struct uplink, of_capsule));
	while ((node = list_take_first(&entry->sessions)) != NULL)
		session_remove(registry, LIST_ENTRY(node, struct session, of_capsule));
	free(entry);
}

/* Copies `text`, which comes from a manifest or a guest. */
static enum capsule_status copy_text(char **out, struct span text, const char *what, struct capsule_error *err)
{
	if (text.len == 0 || text.len > LIMIT_NAME || !text_is_utf8(text) || memchr(text.data, '\0', text.len) != NULL)
		return error_set(err, CAPSULE_EINVAL,
			"the %s of an uplink must be UTF-8 text of 1 to %d bytes without NUL", what, LIMIT_NAME);
	*out = text_copy(text);
	return *out != NULL ? CAPSULE_OK : error_set(err, CAPSULE_ENOMEM, "no memory for the %s of an uplink", what);
}

static enum capsule_status uplink_new(struct uplink **out, const struct registered *owner, struct span name,
	struct span platform, enum uplink_profile profile, uint64_t now_ms, struct capsule_error *err)
{
	HOLD(uplink_drop) struct uplink *uplink = calloc(1, sizeof *uplink);
	struct uplink_descriptor *descriptor;
	enum capsule_status status;

	if (uplink == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for an uplink");
	list_init(&uplink->of_capsule);
	list_init(&uplink->of_platform);
	descriptor = &uplink->descriptor;
	descriptor->owner = registered_id(owner);
	descriptor->profile = profile;
	descriptor->registered_ms = now_ms;
	status = copy_text(&descriptor->name, name, "name", err);
	if (status == CAPSULE_OK)
		status = copy_text(&descriptor->platform, text_is_utf8(platform) ? text_trim(platform) : platform,
			"platform", err);
	if (status == CAPSULE_OK)
		status = uuid_make(&descriptor->id, err);
	if (status != CAPSULE_OK)
		return status;
	text_lower(descriptor->platform);
	*out = GIVE(uplink);
	return CAPSULE_OK;
}

/* Whether `owner` may have `uplink` besides those it has. */
static enum capsule_status uplink_check(
	const struct registered *owner, const struct uplink_descriptor *uplink, struct capsule_error *err)
{
	if (!uplink_source_valid(span_text(uplink->owner)))
		return error_set(err, CAPSULE_EINVAL,
			"invalid capsule id `%.256s` for an uplink: it must not begin or end with '-'", uplink->owner);
	LIST_EACH (node, &owner->uplinks) {
		const struct uplink_descriptor *other = &LIST_ENTRY(node, struct uplink, of_capsule)->descriptor;

		if (strcmp(other->name, uplink->name) == 0 && strcmp(other->platform, uplink->platform) == 0)
			return error_set(err, CAPSULE_EINVAL,
				"duplicate uplink: capsule '%.256s' has one named `%.128s` on `%.128s` already",
				uplink->owner, uplink->name, uplink->platform);
	}
	if (owner->uplink_count >= LIMIT_UPLINKS)
		return error_set(err, CAPSULE_ELIMIT,
			"uplink registration limit reached: capsule '%.256s' has %d uplinks", uplink->owner,
			LIMIT_UPLINKS);
	return CAPSULE_OK;
}

static enum capsule_status platform_join(struct registry *registry, struct uplink *uplink, struct capsule_error *err)
{
	struct span name = span_text(uplink->descriptor.platform);
	struct platform *platform = map_get(&registry->platforms, name);
	enum capsule_status status;

	if (platform == NULL) {
		platform = malloc(sizeof *platform);
		if (platform == NULL)
			return error_set(err, CAPSULE_ENOMEM, "no memory for a platform");
		list_init(&platform->uplinks);
		status = map_put(&registry->platforms, name, platform, NULL, err);
		if (status != CAPSULE_OK) {
			free(platform);
			return status;
		}
	}
	uplink->platform = platform;
	list_append(&platform->uplinks, &uplink->of_platform);
	return CAPSULE_OK;
}

/* Whether the manifest declared such an uplink, which the guest now takes up. */
static bool take_up(struct registered *owner, const struct uplink_descriptor *wanted, struct uuid *out)
{
	LIST_EACH (node, &owner->uplinks) {
		struct uplink *uplink = LIST_ENTRY(node, struct uplink, of_capsule);

		if (!uplink->declared || strcmp(uplink->descriptor.name, wanted->name) != 0 ||
			strcmp(uplink->descriptor.platform, wanted->platform) != 0)
			continue;
		uplink->declared = false;
		uplink->descriptor.profile = wanted->profile;
		*out = uplink->descriptor.id;
		return true;
	}
	return false;
}

/* The one way to an uplink, declared or registered at run time. It is in the maps, and in the list of `owner`, when this succeeds. */
static enum capsule_status uplink_add(struct registry *registry, struct registered *owner, struct span name,
	struct span platform, enum uplink_profile profile, uint64_t now_ms, struct uuid *out, struct capsule_error *err)
{
	HOLD(uplink_drop) struct uplink *uplink = NULL;
	enum capsule_status status = uplink_new(&uplink, owner, name, platform, profile, now_ms, err);

	if (uplink == NULL)
		return status;
	if (out != NULL && take_up(owner, &uplink->descriptor, out))
		return CAPSULE_OK;
	if (status == CAPSULE_OK)
		status = uplink_check(owner, &uplink->descriptor, err);
	if (status == CAPSULE_OK)
		status = map_put(&registry->uplinks, uuid_span(&uplink->descriptor.id), uplink, NULL, err);
	if (status != CAPSULE_OK)
		return status;
	status = platform_join(registry, uplink, err);
	if (status != CAPSULE_OK) {
		uplink_remove(registry, GIVE(uplink));
		return status;
	}
	if (out != NULL)
		*out = uplink->descriptor.id;
	owner->uplink_count++;
	list_append(&owner->uplinks, &GIVE(uplink)->of_capsule);
	return CAPSULE_OK;
}

void registry_init(struct registry *registry)
{
	*registry = (struct registry){ 0 };
	list_init(&registry->entries);
}

void registry_fini(struct registry *registry)
{
	registry_drain(registry, NULL, NULL);
	map_fini(&registry->capsules);
	map_fini(&registry->sessions);
	map_fini(&registry->uplinks);
	map_fini(&registry->platforms);
}

enum capsule_status registry_add(struct registry *registry, const struct manifest *manifest, void *value,
	uint64_t now_ms, struct capsule_error *err)
{
	const char *id = manifest->package.name;
	struct registered *entry;
	enum capsule_status status = CAPSULE_OK;

	if (registry_entry(registry, id) != NULL)
		return error_set(err, CAPSULE_ESTATE, "Already registered: %.256s", id);
	entry = calloc(1, sizeof *entry);
	if (entry == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory to register capsule '%.256s'", id);
	entry->manifest = manifest;
	entry->value = value;
	list_init(&entry->link);
	list_init(&entry->uplinks);
	list_init(&entry->sessions);
	for (size_t i = 0; i < manifest->uplinks.count && status == CAPSULE_OK; i++) {
		const struct manifest_uplink *uplink = &manifest->uplinks.items[i];

		status = uplink_add(registry, entry, span_text(uplink->name), span_text(uplink->platform),
			uplink->profile, now_ms, NULL, err);
	}
	LIST_EACH (node, &entry->uplinks)
		LIST_ENTRY(node, struct uplink, of_capsule)->declared = true;
	if (status == CAPSULE_OK)
		status = map_put(&registry->capsules, span_text(id), entry, NULL, err);
	if (status != CAPSULE_OK)
		registered_remove(registry, entry);
	else
		list_append(&registry->entries, &entry->link);
	return status;
}

void *registry_remove(struct registry *registry, const char *id, struct capsule_error *err)
{
	struct registered *entry = map_remove(&registry->capsules, span_text(id));
	void *value;

	if (entry == NULL) {
		(void)not_registered(id, err);
		return NULL;
	}
	value = entry->value;
	registered_remove(registry, entry);
	return value;
}

void *registry_find(const struct registry *registry, const char *id)
{
	const struct registered *entry = registry_entry(registry, id);

	return entry == NULL ? NULL : entry->value;
}

enum capsule_status registry_add_session(
	struct registry *registry, const struct uuid *session, const char *id, struct capsule_error *err)
{
	struct registered *entry = registry_entry(registry, id);
	struct session *known = map_get(&registry->sessions, uuid_span(session));
	enum capsule_status status;

	if (entry == NULL)
		return not_registered(id, err);
	if (known == NULL) {
		known = malloc(sizeof *known);
		if (known == NULL)
			return error_set(err, CAPSULE_ENOMEM, "no memory for a session of capsule '%.256s'", id);
		known->id = *session;
		list_init(&known->of_capsule);
		status = map_put(&registry->sessions, uuid_span(session), known, NULL, err);
		if (status != CAPSULE_OK) {
			free(known);
			return status;
		}
	}
	known->capsule = entry;
	list_remove(&known->of_capsule);
	list_append(&entry->sessions, &known->of_capsule);
	return CAPSULE_OK;
}

static const struct registered *registry_session_entry(const struct registry *registry, const struct uuid *session)
{
	const struct session *known = map_get(&registry->sessions, uuid_span(session));

	return known == NULL ? NULL : known->capsule;
}

const char *registry_find_session(const struct registry *registry, const struct uuid *session)
{
	const struct registered *entry = registry_session_entry(registry, session);

	return entry == NULL ? NULL : registered_id(entry);
}

enum capsule_status registry_add_uplink(struct registry *registry, const char *id, struct span name,
	struct span platform, enum uplink_profile profile, uint64_t now_ms, struct uuid *out, struct capsule_error *err)
{
	struct registered *entry = registry_entry(registry, id);

	if (entry == NULL)
		return not_registered(id, err);
	return uplink_add(registry, entry, name, platform, profile, now_ms, out, err);
}

const struct uplink_descriptor *registry_uplink(const struct registry *registry, const struct uuid *id)
{
	const struct uplink *uplink = map_get(&registry->uplinks, uuid_span(id));

	return uplink == NULL ? NULL : &uplink->descriptor;
}

const struct uplink_descriptor *registry_uplink_by_platform(const struct registry *registry, struct span platform)
{
	const struct platform *known = map_get(&registry->platforms, platform);

	return known == NULL ? NULL : &LIST_ENTRY(known->uplinks.next, struct uplink, of_platform)->descriptor;
}

size_t registry_uplinks_of(const struct registry *registry, const char *id)
{
	const struct registered *entry = registry_entry(registry, id);

	return entry == NULL ? 0 : entry->uplink_count;
}

bool registry_capable(const struct registry *registry, struct span session, struct span capability)
{
	const struct registered *entry;
	struct uuid id;

	if (!uuid_parse(session, &id) || !span_is(capability, "allow_prompt_injection"))
		return false;
	entry = registry_session_entry(registry, &id);
	return entry != NULL && entry->manifest->capabilities.allow_prompt_injection;
}

void registry_drain(struct registry *registry, void (*each)(void *value, void *user), void *user)
{
	while (registry->entries.next != NULL && !list_empty(&registry->entries)) {
		struct registered *entry = LIST_ENTRY(registry->entries.prev, struct registered, link);
		void *value = entry->value;

		(void)map_remove(&registry->capsules, span_text(registered_id(entry)));
		registered_remove(registry, entry);
		if (each != NULL)
			each(value, user);
	}
}
