/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a good manifest becomes: every table and key arrives in its member, what is absent has its default. */
#include "manifest/parse_testing.h"

/* rt:1 */
static void header_alone_is_a_manifest_with_empty_lists(void **state)
{
	HOLD(parsed_fini) struct parsed parsed = parse_good(HEADER);
	const struct manifest *m = parsed.manifest;

	(void)state;
	assert_string_equal(m->package.name, "test-capsule");
	assert_string_equal(m->package.version, "0.1.0");
	assert_int_equal(m->components.count + m->env.count + m->context_files.count + m->commands.count, 0);
	assert_int_equal(m->mcp_servers.count + m->skills.count + m->uplinks.count + m->llm_providers.count, 0);
	assert_int_equal(m->interceptors.count + m->crons.count + m->tools.count + m->topics.count, 0);
	assert_int_equal(m->provides.count + m->requires.count, 0);
	assert_int_equal(m->capabilities.place.line, 0);
}

static void absent_package_keys_have_their_defaults(void **state)
{
	HOLD(parsed_fini) struct parsed parsed = parse_good(HEADER);
	const struct manifest_package *package = &parsed.manifest->package;

	(void)state;
	assert_null(package->description);
	assert_null(package->license_file);
	assert_null(package->astrid_version);
	assert_null(package->metadata);
	assert_int_equal(package->authors.count, 0);
	assert_true(package->publish);
}

/* rt:63 */
static void every_package_key_is_kept(void **state)
{
	HOLD(parsed_fini)
	struct parsed parsed = parse_good(HEADER
		"description = \"d\"\nauthors = [\"a\", \"b\"]\nrepository = \"r\"\nhomepage = \"h\"\ndocumentation = \"doc\"\n"
		"license = \"MIT\"\nlicense-file = \"LICENSE\"\nreadme = \"README.md\"\nkeywords = [\"k\"]\ncategories = [\"c\"]\n"
		"astrid-version = \">=0.1.0\"\npublish = false\ninclude = [\"i\"]\nexclude = [\"e\"]\nmetadata = { x = 1 }\n");
	const struct manifest_package *package = &parsed.manifest->package;

	(void)state;
	assert_string_equal(package->description, "d");
	assert_strings(&package->authors, 2, (const char *[]){ "a", "b" });
	assert_string_equal(package->repository, "r");
	assert_string_equal(package->homepage, "h");
	assert_string_equal(package->documentation, "doc");
	assert_string_equal(package->license, "MIT");
	assert_string_equal(package->license_file, "LICENSE");
	assert_string_equal(package->readme, "README.md");
	assert_strings(&package->keywords, 1, (const char *[]){ "k" });
	assert_strings(&package->categories, 1, (const char *[]){ "c" });
	assert_string_equal(package->astrid_version, ">=0.1.0");
	assert_false(package->publish);
	assert_strings(&package->include, 1, (const char *[]){ "i" });
	assert_strings(&package->exclude, 1, (const char *[]){ "e" });
	assert_string_equal(package->metadata, "{\"x\":1}");
}

/* rt:6 rt:7 rt:8 */
static void versions_are_kept_as_written(void **state)
{
	static const char *const versions[] = { "1.2.3", "1.0.0-alpha.1", "1.0.0+build.7" };

	(void)state;
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		char text[128];

		(void)snprintf(text, sizeof(text), "[package]\nname = \"a\"\nversion = \"%s\"\n", versions[i]);
		HOLD(parsed_fini) struct parsed parsed = parse_good(text);
		assert_string_equal(parsed.manifest->package.version, versions[i]);
		assert_int_equal(parsed.manifest->package.version_place.line, 3);
		assert_int_equal(parsed.manifest->package.version_place.column, 11);
		assert_int_equal(parsed.manifest->package.version_place.length, strlen(versions[i]) + 2);
	}
}

/* rt:2 */
static void capabilities_are_kept_in_order_with_their_places(void **state)
{
	HOLD(parsed_fini)
	struct parsed parsed = parse_good(
		HEADER "[capabilities]\nipc_publish = [\"registry.*\", \"llm.stream.anthropic\"]\nuplink = true\n"
		       "net = [\n  \"api.github.com\",\n]\n");
	const struct manifest_capabilities *granted = &parsed.manifest->capabilities;

	(void)state;
	assert_strings(&granted->ipc_publish, 2, (const char *[]){ "registry.*", "llm.stream.anthropic" });
	assert_int_equal(granted->ipc_publish.places[1].line, 5);
	assert_int_equal(granted->ipc_publish.places[1].column, 30);
	assert_true(granted->uplink);
	assert_false(granted->allow_prompt_injection);
	assert_int_equal(granted->net.places[0].line, 8);
	assert_int_equal(granted->net.places[0].column, 3);
	assert_int_equal(granted->net.places[0].length, 16);
	assert_int_equal(granted->place.line, 4);
}

/* rt:21 */
static void dependencies_are_kept_as_written(void **state)
{
	HOLD(parsed_fini)
	struct parsed parsed = parse_good(HEADER
		"[dependencies]\nprovides = [\"topic:identity.response.ready\"]\nrequires = [\"topic:llm.stream.*\"]\n");

	(void)state;
	assert_strings(&parsed.manifest->provides, 1, (const char *[]){ "topic:identity.response.ready" });
	assert_strings(&parsed.manifest->requires, 1, (const char *[]){ "topic:llm.stream.*" });
}

/* rt:22 */
static void absent_requires_is_an_empty_list(void **state)
{
	HOLD(parsed_fini)
	struct parsed parsed = parse_good(HEADER "[dependencies]\nprovides = [\"topic:foo\", \"tool:bar\"]\n");

	(void)state;
	assert_int_equal(parsed.manifest->provides.count, 2);
	assert_int_equal(parsed.manifest->requires.count, 0);
}

/* rt:5 */
static void interceptors_have_event_and_action(void **state)
{
	HOLD(parsed_fini)
	struct parsed parsed = parse_good(HEADER "[[interceptor]]\nevent = \"user.prompt\"\naction = \"handle\"\n");

	(void)state;
	assert_int_equal(parsed.manifest->interceptors.count, 1);
	assert_string_equal(parsed.manifest->interceptors.items[0].event, "user.prompt");
	assert_string_equal(parsed.manifest->interceptors.items[0].action, "handle");
	assert_int_equal(parsed.manifest->interceptors.items[0].event_place.line, 5);
}

/* rt:36 */
static void topics_keep_their_directions(void **state)
{
	HOLD(parsed_fini)
	struct parsed parsed = parse_good(
		HEADER "[[topic]]\nname = \"a.b\"\ndirection = \"publish\"\ndescription = \"d\"\nschema = \"s.json\"\n"
		       "[[topic]]\nname = \"c\"\ndirection = \"subscribe\"\n");
	const struct manifest_topic *topics = parsed.manifest->topics.items;

	(void)state;
	assert_int_equal(parsed.manifest->topics.count, 2);
	assert_int_equal(topics[0].direction, TOPIC_PUBLISH);
	assert_string_equal(topics[0].description, "d");
	assert_int_equal(topics[1].direction, TOPIC_SUBSCRIBE);
	assert_null(topics[1].description);
	assert_null(topics[1].schema);
}

/* rt:46 */
static void topic_schema_need_not_exist(void **state)
{
	HOLD(parsed_fini)
	struct parsed parsed = parse_good(
		HEADER "[[topic]]\nname = \"a\"\ndirection = \"publish\"\nschema = \"schemas/chunk.json\"\n");

	(void)state;
	assert_string_equal(parsed.manifest->topics.items[0].schema, "schemas/chunk.json");
}

/* rt:48 */
static void one_topic_may_go_both_ways(void **state)
{
	HOLD(parsed_fini)
	struct parsed parsed = parse_good(HEADER
		"[[topic]]\nname = \"a\"\ndirection = \"publish\"\n[[topic]]\nname = \"a\"\ndirection = \"subscribe\"\n");

	(void)state;
	assert_int_equal(parsed.manifest->topics.count, 2);
}

/* rt:49 */
static void empty_inline_array_is_no_entry(void **state)
{
	HOLD(parsed_fini) struct parsed parsed = parse_good("topic = []\n" HEADER);

	(void)state;
	assert_int_equal(parsed.manifest->topics.count, 0);
}

/* rt:50 */
static void entrypoint_is_an_older_name_of_file(void **state)
{
	HOLD(parsed_fini) struct parsed a = parse_good(HEADER "[[component]]\nfile = \"a.wasm\"\n");
	HOLD(parsed_fini) struct parsed b = parse_good(HEADER "[[component]]\nentrypoint = \"a.wasm\"\n");

	(void)state;
	assert_string_equal(a.manifest->components.items[0].file, "a.wasm");
	assert_string_equal(b.manifest->components.items[0].file, "a.wasm");
}

/* rt:53 */
static void component_with_a_file_alone_has_empty_id_and_type(void **state)
{
	HOLD(parsed_fini) struct parsed parsed = parse_good(HEADER "[[component]]\nfile = \"a.wasm\"\n");
	const struct manifest_component *component = &parsed.manifest->components.items[0];

	(void)state;
	assert_string_equal(component->id, "");
	assert_string_equal(component->type, "");
	assert_null(component->hash);
	assert_int_equal(component->link.count, 0);
}

static void component_keeps_its_instance_unless_it_asks_for_one_each_call(void **state)
{
	HOLD(parsed_fini) struct parsed a = parse_good(HEADER "[[component]]\nfile = \"a\"\n");
	HOLD(parsed_fini) struct parsed b = parse_good(HEADER "[[component]]\nfile = \"a\"\ninstance = \"kept\"\n");
	HOLD(parsed_fini)
	struct parsed c = parse_good(HEADER "[[component]]\nfile = \"a\"\ninstance = \"per-call\"\n");

	(void)state;
	assert_int_equal(a.manifest->components.items[0].instance, INSTANCE_KEPT);
	assert_int_equal(b.manifest->components.items[0].instance, INSTANCE_KEPT);
	assert_int_equal(c.manifest->components.items[0].instance, INSTANCE_PER_CALL);
	assert_int_equal(c.manifest->components.items[0].instance_place.line, 6);
}

/* rt:54 */
static void single_table_counts_as_one_entry(void **state)
{
	HOLD(parsed_fini) struct parsed parsed = parse_good(HEADER "[component]\nentrypoint = \"plugin.wasm\"\n");

	(void)state;
	assert_int_equal(parsed.manifest->components.count, 1);
	assert_string_equal(parsed.manifest->components.items[0].file, "plugin.wasm");
	assert_int_equal(parsed.manifest->components.items[0].place.line, 4);
}

static void inline_tables_are_entries(void **state)
{
	HOLD(parsed_fini)
	struct parsed parsed = parse_good(
		"cron = [{ name = \"a\", schedule = \"* * * * *\", action = \"x\" }, { name = \"b\", schedule = \"s\", action = \"y\" "
		"}]\n" HEADER);

	(void)state;
	assert_int_equal(parsed.manifest->crons.count, 2);
	assert_string_equal(parsed.manifest->crons.items[1].action, "y");
	assert_int_equal(parsed.manifest->crons.items[0].place.column, 9);
}

static void component_capabilities_are_kept_with_the_component(void **state)
{
	HOLD(parsed_fini)
	struct parsed parsed = parse_good(
		HEADER "[[component]]\nfile = \"a\"\nlink = [\"b\"]\n[component.capabilities]\nnet = [\"x\"]\n");

	(void)state;
	assert_strings(&parsed.manifest->components.items[0].capabilities.net, 1, (const char *[]){ "x" });
	assert_int_equal(parsed.manifest->components.items[0].capabilities.place.line, 7);
	assert_int_equal(parsed.manifest->capabilities.net.count, 0);
}

/* rt:62 */
static void env_with_a_type_alone_has_nothing_else(void **state)
{
	HOLD(parsed_fini) struct parsed parsed = parse_good(HEADER "[env.K]\ntype = \"string\"\n");
	const struct manifest_env *env = parsed.manifest->env.items;

	(void)state;
	assert_int_equal(parsed.manifest->env.count, 1);
	assert_string_equal(env->key, "K");
	assert_string_equal(env->type, "string");
	assert_null(env->request);
	assert_null(env->description);
	assert_null(env->default_json);
	assert_null(env->placeholder);
	assert_int_equal(env->enum_values.count, 0);
}

static void env_is_sorted_by_key(void **state)
{
	HOLD(parsed_fini)
	struct parsed parsed = parse_good(
		HEADER "[env.B]\ntype = \"b\"\n[env.C]\ntype = \"c\"\n[env.A]\ntype = \"a\"\n");

	(void)state;
	assert_int_equal(parsed.manifest->env.count, 3);
	assert_string_equal(parsed.manifest->env.items[0].key, "A");
	assert_string_equal(parsed.manifest->env.items[0].type, "a");
	assert_string_equal(parsed.manifest->env.items[2].key, "C");
}

/* rt:59 */
static void uplink_profiles_are_four_words(void **state)
{
	static const char *const words[] = { "chat", "interactive", "notify", "bridge" };

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		char text[160];

		(void)snprintf(text, sizeof(text),
			HEADER "[[uplink]]\nname = \"n\"\nplatform = \"p\"\nprofile = \"%s\"\n", words[i]);
		HOLD(parsed_fini) struct parsed parsed = parse_good(text);
		assert_int_equal(parsed.manifest->uplinks.items[0].profile, i);
	}
}

/* rt:61 */
static void nested_tables_of_a_schema_become_json_of_the_same_shape(void **state)
{
	HOLD(parsed_fini)
	struct parsed parsed = parse_good(HEADER
		"[[tool]]\nname = \"t\"\ndescription = \"d\"\n[tool.input_schema]\ntype = \"object\"\nrequired = [\"n\"]\n"
		"[tool.input_schema.properties.n]\ntype = \"integer\"\nminimum = 1\n");

	(void)state;
	assert_string_equal(parsed.manifest->tools.items[0].input_schema,
		"{\"type\":\"object\",\"required\":[\"n\"],\"properties\":{\"n\":{\"type\":\"integer\",\"minimum\":1}}}");
}

static void the_other_tables_keep_their_keys(void **state)
{
	HOLD(parsed_fini)
	struct parsed parsed = parse_good(
		HEADER "[capabilities]\nhost_process = [\"npx\"]\n[[context_file]]\nname = \"n\"\nfile = \"f\"\n"
		       "[[command]]\nname = \"c\"\ndescription = \"d\"\nfile = \"f\"\n"
		       "[[mcp_server]]\nid = \"i\"\ntype = \"stdio\"\ncommand = \"npx\"\nargs = [\"a\", \"\"]\n"
		       "[[skill]]\nname = \"s\"\nfile = \"f\"\n"
		       "[[llm_provider]]\nid = \"p\"\ncapabilities = [\"chat\"]\n");
	const struct manifest *m = parsed.manifest;

	(void)state;
	assert_string_equal(m->context_files.items[0].file, "f");
	assert_string_equal(m->commands.items[0].description, "d");
	assert_string_equal(m->mcp_servers.items[0].command, "npx");
	assert_int_equal(m->mcp_servers.items[0].command_place.line, 16);
	assert_strings(&m->mcp_servers.items[0].args, 2, (const char *[]){ "a", "" });
	assert_null(m->skills.items[0].description);
	assert_strings(&m->llm_providers.items[0].capabilities, 1, (const char *[]){ "chat" });
}

static void nothing_is_expanded(void **state)
{
	HOLD(parsed_fini) struct parsed parsed = parse_good(HEADER "[capabilities]\nfs_read = [\"a/$HOME/~/%x%\"]\n");

	(void)state;
	assert_strings(&parsed.manifest->capabilities.fs_read, 1, (const char *[]){ "a/$HOME/~/%x%" });
}

static void byte_order_mark_is_skipped(void **state)
{
	HOLD(parsed_fini) struct parsed parsed = parse_good("\xEF\xBB\xBF" HEADER);

	(void)state;
	assert_string_equal(parsed.manifest->package.name, "test-capsule");
}

static void windows_line_ends_are_accepted(void **state)
{
	HOLD(parsed_fini) struct parsed parsed = parse_good("[package]\r\nname = \"a\"\r\nversion = \"1.0.0\"\r\n");

	(void)state;
	assert_int_equal(parsed.manifest->package.version_place.line, 3);
	assert_int_equal(parsed.manifest->package.version_place.length, 7);
}

static void path_is_kept(void **state)
{
	HOLD(parsed_fini) struct parsed parsed = parse_good(HEADER);

	(void)state;
	assert_string_equal(parsed.manifest->path, "Capsule.toml");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_alone_is_a_manifest_with_empty_lists),
		cmocka_unit_test(absent_package_keys_have_their_defaults),
		cmocka_unit_test(every_package_key_is_kept),
		cmocka_unit_test(versions_are_kept_as_written),
		cmocka_unit_test(capabilities_are_kept_in_order_with_their_places),
		cmocka_unit_test(dependencies_are_kept_as_written),
		cmocka_unit_test(absent_requires_is_an_empty_list),
		cmocka_unit_test(interceptors_have_event_and_action),
		cmocka_unit_test(topics_keep_their_directions),
		cmocka_unit_test(topic_schema_need_not_exist),
		cmocka_unit_test(one_topic_may_go_both_ways),
		cmocka_unit_test(empty_inline_array_is_no_entry),
		cmocka_unit_test(entrypoint_is_an_older_name_of_file),
		cmocka_unit_test(component_with_a_file_alone_has_empty_id_and_type),
		cmocka_unit_test(component_keeps_its_instance_unless_it_asks_for_one_each_call),
		cmocka_unit_test(single_table_counts_as_one_entry),
		cmocka_unit_test(inline_tables_are_entries),
		cmocka_unit_test(component_capabilities_are_kept_with_the_component),
		cmocka_unit_test(env_with_a_type_alone_has_nothing_else),
		cmocka_unit_test(env_is_sorted_by_key),
		cmocka_unit_test(uplink_profiles_are_four_words),
		cmocka_unit_test(nested_tables_of_a_schema_become_json_of_the_same_shape),
		cmocka_unit_test(the_other_tables_keep_their_keys),
		cmocka_unit_test(nothing_is_expanded),
		cmocka_unit_test(byte_order_mark_is_skipped),
		cmocka_unit_test(windows_line_ends_are_accepted),
		cmocka_unit_test(path_is_kept),
	};

	return cmocka_run_group_tests_name("manifest_parse", tests, NULL, NULL);
}
