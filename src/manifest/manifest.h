/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Capsule.toml as a value: what a capsule is, offers, needs and may touch. Built by manifest_parse() from one key table
 * (keys.def), which also makes docs/manifest.md. Strings are UTF-8 without NUL; absent optional strings are NULL. */
#ifndef MANIFEST_MANIFEST_H
#define MANIFEST_MANIFEST_H

#include "base/buffer.h"
#include "manifest/diagnostic.h"

/* Where a key or value stands. Lines and columns count from 1; a column counts bytes; line 0 means "nowhere". */
struct place {
	uint32_t line, column;
	uint32_t length; /* bytes to underline, at least 1 */
};

struct string_list {
	char **items;
	struct place *places;
	size_t count;
};

/** Free the texts and places; afterwards the list is empty. */
void string_list_fini(struct string_list *list);

struct manifest_package {
	char *name, *version, *description;
	struct string_list authors;
	char *repository, *homepage, *documentation, *license, *license_file, *readme;
	struct string_list keywords, categories;
	char *astrid_version;
	bool publish; /* true unless said otherwise */
	struct string_list include, exclude;
	char *metadata; /* compact JSON, NULL when absent */
	struct place name_place, version_place, astrid_version_place;
};

struct manifest_capabilities {
	bool uplink, allow_prompt_injection;
	struct string_list net, kv, fs_read, fs_write, host_process, net_bind, ipc_publish, ipc_subscribe, identity;
	struct place place; /* of the table's header, line 0 when there is none */
	struct place allow_prompt_injection_place;
};

enum component_instance {
	INSTANCE_KEPT,     /* calls follow each other on one instance */
	INSTANCE_PER_CALL, /* each call has a fresh one: nothing in its memory outlives it */
};

struct manifest_component {
	char *id, *file, *hash, *type;
	struct string_list link;
	struct manifest_capabilities capabilities; /* added to the capsule's for this component alone */
	enum component_instance instance;
	struct place place, file_place, hash_place, instance_place;
};

struct manifest_env {
	char *key, *type, *request, *description, *placeholder;
	char *default_json; /* compact JSON, NULL when absent */
	struct string_list enum_values;
	struct place place;
};

struct manifest_context_file {
	char *name, *file;
	struct place place, file_place;
};

struct manifest_command {
	char *name, *description, *file;
	struct place place, file_place;
};

/* When a server that ended is started again. */
enum server_restart { SERVER_RESTARTS_ON_FAILURE, SERVER_RESTARTS_ALWAYS, SERVER_RESTARTS_NEVER };

/* Whether its tools may be called without asking a person. */
enum server_consent { SERVER_ALLOWS, SERVER_ASKS, SERVER_DENIES };

struct manifest_mcp_server {
	char *id, *description, *type, *command;
	struct string_list args;
	char *hash;                   /* of the program, "blake3:..." or "sha256:..."; NULL: not verified */
	struct string_list integrity; /* "path=digest" of files and folders below the capsule's */
	bool network;                 /* it gets one, if `net` holds `*` */
	enum server_restart restart;
	int64_t timeout_ms;          /* of one call without progress; 0: the runtime's */
	struct string_list expose;   /* tools that others see, `*` at the end stands for any rest; none: all */
	enum server_consent consent; /* of tools that the lists below do not name; deny goes before ask before allow */
	struct string_list allow, ask, deny; /* as `expose` */
	bool pin_tools;                      /* a description that changed blocks its tool until it is approved */
	struct place place, id_place, type_place, command_place, hash_place, network_place, timeout_ms_place;
};

struct manifest_skill {
	char *name, *file, *description;
	struct place place, file_place;
};

enum uplink_profile { UPLINK_CHAT, UPLINK_INTERACTIVE, UPLINK_NOTIFY, UPLINK_BRIDGE };

struct manifest_uplink {
	char *name, *platform;
	enum uplink_profile profile;
	struct place place;
};

struct manifest_llm_provider {
	char *id, *description;
	struct string_list capabilities;
	struct place place;
};

/* What an interceptor may do with an event. */
enum interceptor_mode {
	INTERCEPTOR_OBSERVES, /* it gets the event, its answer does not matter */
	INTERCEPTOR_GUARDS,   /* it is asked before others get the event, and can deny it */
	INTERCEPTOR_REWRITES, /* likewise, and can put another payload in place */
};

/* What its failure means, of one that decides. */
enum interceptor_on_error { INTERCEPTOR_DENIES, INTERCEPTOR_ALLOWS };

/* What happens to an event for it when the capsule's inbox is full. */
enum interceptor_on_full { INTERCEPTOR_DROPS_OLDEST, INTERCEPTOR_BLOCKS, INTERCEPTOR_FAILS };

struct manifest_interceptor {
	char *event, *action;
	enum interceptor_mode mode;
	enum interceptor_on_error on_error;
	enum interceptor_on_full on_full;
	int64_t priority;   /* among those that decide, lower ones first; within 32 bits */
	int64_t timeout_ms; /* of one call; 0: the runtime's limit */
	struct place place, event_place, mode_place, on_error_place, priority_place, timeout_ms_place;
};

/* Of [events]. An inbox of less than 64 KiB would lose single events of an ordinary size. */
#define MANIFEST_INBOX_MESSAGES_MOST 1048576
#define MANIFEST_INBOX_BYTES_LEAST 65536
#define MANIFEST_INBOX_BYTES_MOST 1073741824

/* What may wait for the capsule. 0: the runtime's limit. */
struct manifest_events {
	int64_t inbox_messages, inbox_bytes;
	struct place inbox_messages_place, inbox_bytes_place;
};

struct manifest_cron {
	char *name, *schedule, *action;
	struct place place, schedule_place;
};

struct manifest_tool {
	char *name, *description;
	char *input_schema; /* compact JSON; {"type":"object"} when the manifest has none */
	struct place place, name_place;
};

enum topic_direction { TOPIC_PUBLISH, TOPIC_SUBSCRIBE };

struct manifest_topic {
	char *name, *description, *schema;
	enum topic_direction direction;
	struct place place, name_place, schema_place;
};

#define MANIFEST_ARRAY(type, name)                                                                                     \
	struct {                                                                                                       \
		struct type *items;                                                                                    \
		size_t count;                                                                                          \
	} name

struct manifest {
	char *path; /* as given to the parser, for messages */
	struct manifest_package package;
	MANIFEST_ARRAY(manifest_component, components);
	struct string_list provides, requires;
	struct manifest_capabilities capabilities;
	MANIFEST_ARRAY(manifest_env, env); /* sorted by key */
	MANIFEST_ARRAY(manifest_context_file, context_files);
	MANIFEST_ARRAY(manifest_command, commands);
	MANIFEST_ARRAY(manifest_mcp_server, mcp_servers);
	MANIFEST_ARRAY(manifest_skill, skills);
	MANIFEST_ARRAY(manifest_uplink, uplinks);
	MANIFEST_ARRAY(manifest_llm_provider, llm_providers);
	struct manifest_events events;
	MANIFEST_ARRAY(manifest_interceptor, interceptors);
	MANIFEST_ARRAY(manifest_cron, crons);
	MANIFEST_ARRAY(manifest_tool, tools);
	MANIFEST_ARRAY(manifest_topic, topics);
};

/** Parse `text` (borrowed). `path` is copied and only used in messages. Every problem goes to `diagnostics` (borrowed, may
 *  already hold some); the manifest is made only when none of them is an error. Free with manifest_free().
 *  Errors: CAPSULE_EMANIFEST with one of them as message (path:line:column: text), CAPSULE_ENOMEM. That one is the first in
 *  the file of what can't be read or lacks something, else the first error by the order of manifest_validate(). Threads:
 *  any. */
MUST_CHECK enum capsule_status manifest_parse(struct manifest **out, struct span text, const char *path,
	struct diagnostics *diagnostics, struct capsule_error *err);

/** Read and parse the file `path`: a Capsule.toml, or a folder that holds one. Errors as above, and CAPSULE_ENOTFOUND (with
 *  the name that is missing), CAPSULE_EIO, CAPSULE_EMANIFEST for a file over LIMIT_MANIFEST_BYTES or not UTF-8.
 *  When `source` is not NULL the text read goes there even when parsing fails, for messages that quote it. */
MUST_CHECK enum capsule_status manifest_load(struct manifest **out, const char *path, struct buffer *source,
	struct diagnostics *diagnostics, struct capsule_error *err);

void manifest_free(struct manifest *manifest);
void manifest_drop(struct manifest **manifest);

/** The tool named `name`, NULL when the manifest has none. Borrowed from the manifest. */
const struct manifest_tool *manifest_tool_find(const struct manifest *manifest, const char *name);

/** Whether the list that the capability key `key` ("net", "fs_read", ...; also the booleans "uplink",
 *  "allow_prompt_injection") names is non-empty or true. False for a key that does not exist. */
bool manifest_grants(const struct manifest *manifest, const char *key);

/** The same of what the component has: the capsule's list or that of [component.capabilities]. */
bool manifest_component_grants(const struct manifest *manifest, const char *key);

/** Whether `id` is a capsule id: 1 to LIMIT_NAME characters of a-z, 0-9 and '-'. */
bool manifest_id_valid(const char *id);

#endif
