/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "mcp/stdio_fixture.h"

int scene_set_up(void **state)
{
	struct scene *scene = calloc(1, sizeof *scene);
	void *fixture = NULL;
	const char *folder = getenv("CAPSULE_BUILD_DIR");

	assert_non_null(scene);
	if (folder == NULL)
		fail_msg("CAPSULE_BUILD_DIR is not set: run this test by \"meson test\"");
	(void)fixture_set_up(&fixture);
	scene->fixture = fixture;
	scene->client = (struct mcp_client_options){ .name = "test", .version = "1" };
	scene->frees_at = -1;
	assert_true(snprintf(scene->child, sizeof scene->child, "%s/src/mcp/mcp_child", folder) < FIXTURE_PATH);
	*state = scene;
	return 0;
}

int scene_tear_down(void **state)
{
	struct scene *scene = *state;
	void *fixture = scene->fixture;

	mcp_stdio_free(scene->server);
	buffer_fini(&scene->heard);
	(void)fixture_tear_down(&fixture);
	free(scene);
	return 0;
}

static void keep(struct scene *scene, struct span text)
{
	size_t len = text.len < sizeof scene->last ? text.len : sizeof scene->last - 1;

	if (len > 0)
		memcpy(scene->last, text.data, len);
	scene->last[len] = '\0';
}

static void take_event(void *user, const struct mcp_event *event)
{
	struct scene *scene = user;

	assert_int_equal(scene->counts[MCP_EVENT_ENDED], 0);
	assert_true(loop_in_turn(scene->fixture->loop));
	scene->counts[event->kind]++;
	if (event->kind == MCP_EVENT_ENDED)
		(void)error_copy(&scene->ended, &event->error);
	else if (event->kind == MCP_EVENT_ERROR || event->kind == MCP_EVENT_LISTED)
		(void)error_copy(&scene->failed, &event->error);
	if (event->json.len > 0)
		keep(scene, event->json);
	else if (event->text.len > 0)
		keep(scene, event->text);
	if (scene->frees_at == (int)event->kind) {
		mcp_stdio_free(scene->server);
		scene->server = NULL;
	}
}

static void take_lost(void *user, const struct capsule_error *why)
{
	struct scene *scene = user;

	scene->lost++;
	(void)error_copy(&scene->lost_why, why);
}

static void take_line(void *user, struct span line)
{
	struct scene *scene = user;

	if (scene->heard.len < MCP_STDERR_RING)
		(void)(buffer_append_text(&scene->heard, "<") && buffer_append_span(&scene->heard, line) &&
			buffer_append_text(&scene->heard, ">"));
}

void scene_start(struct scene *scene, const char *verb)
{
	const char *const argv[] = { scene->child, verb, NULL };
	struct process_spec spec = fixture_spec(scene->fixture, argv);
	struct mcp_stdio_options options = {
		.loop = scene->fixture->loop,
		.spec = &spec,
		.client = scene->client,
		.event = take_event,
		.lost = take_lost,
		.heard = take_line,
		.user = scene,
	};
	struct capsule_error error;

	spec.fds = &scene->fixture->ends[1];
	spec.fd_count = 1;
	if (mcp_stdio_start(&scene->server, &options, &error) != CAPSULE_OK)
		fail_msg("%s", error.text);
}

void scene_turn(struct scene *scene, int wait_ms)
{
	(void)loop_turn(scene->fixture->loop, wait_ms);
}

void scene_advance(struct scene *scene, int64_t ms)
{
	fixture_advance(scene->fixture, ms);
}

void scene_expect(struct scene *scene, enum mcp_event_kind kind, int count)
{
	int64_t end = clock_monotonic_ns(&clock_system) + SCENE_PATIENCE_MS * NS_PER_MS;

	while (scene->counts[kind] < count && clock_monotonic_ns(&clock_system) < end) {
		if (scene->counts[MCP_EVENT_ENDED] > 0)
			fail_msg("it ended: %s", scene->ended.text);
		scene_turn(scene, SCENE_PATIENCE_MS);
	}
	assert_int_equal(scene->counts[kind], count);
}

void scene_stage(const struct scene *scene, char letter)
{
	char heard;

	do {
		heard = fixture_hear(scene->fixture);
		assert_int_not_equal(heard, 0);
	} while (heard != letter);
}

enum capsule_status scene_call(struct scene *scene, struct span arguments, int64_t *id)
{
	const struct mcp_request_options options = { 0 };
	int64_t own_id;
	enum capsule_status status = mcp_client_call_tool(mcp_stdio_client(scene->server), span_text("echo"), arguments,
		&options, loop_now(scene->fixture->loop), id != NULL ? id : &own_id, &scene->failed);

	mcp_stdio_kick(scene->server);
	return status;
}

void scene_expect_end(struct scene *scene, const char *part)
{
	scene_expect(scene, MCP_EVENT_ENDED, 1);
	if (strstr(scene->ended.text, part) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", scene->ended.text, part);
	assert_int_equal(scene->server == NULL ? 0 : mcp_stdio_pid(scene->server), 0);
}
