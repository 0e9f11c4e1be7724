/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A capsule made of nothing but a command: its manifest is written in memory. */
#include "runtime/options.h"
#include "runtime/takedown.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "base/text.h"
#include <capsule/mcp.h>

#include <errno.h>
#include <stddef.h>
#include <sys/stat.h>

#define COMMAND_ID "command"
#define COMMAND_ARGS_MAX LIMIT_MANIFEST_ENTRIES
#define COMMAND_TEXT_MAX (4u * 1024 * 1024)

static enum capsule_status take_command(
	struct capsule_command *out, const struct capsule_command *given, struct capsule_error *err)
{
	static const struct options_kind kind = { .type = "struct capsule_command",
		.size = sizeof *out,
		.first = sizeof *out,
		.alignment = _Alignof(struct capsule_command) };

	if (given == NULL) {
		(void)error_set(err, CAPSULE_EINVAL, "no command is given");
		return CAPSULE_EINVAL;
	}
	return options_take(out, &kind, given, err);
}

/* A TOML basic string is JSON's, apart from DEL. */
static enum capsule_status append_string(struct buffer *out, const char *text, struct capsule_error *err)
{
	HOLD(buffer_fini) struct buffer json = { 0 };

	if (!text_is_utf8(span_text(text)))
		return error_set(err, CAPSULE_EINVAL, "the command has a word that is not valid UTF-8");
	if (!json_append_string(&json, span_text(text)))
		return error_set(err, CAPSULE_ENOMEM, "no memory for a command");
	for (size_t i = 0; i < json.len; i++)
		(void)(json.data[i] == 0x7f ? buffer_append_text(out, "\\u007f")
					    : buffer_append_byte(out, json.data[i]));
	return CAPSULE_OK;
}

/* A word with a slash is a path of the caller's, not one below a capsule's folder. Owned. */
static enum capsule_status program_of(const char *word, char **out, struct capsule_error *err)
{
	*out = strchr(word, '/') != NULL ? realpath(word, NULL) : text_copy(span_text(word));
	if (*out != NULL)
		return CAPSULE_OK;
	if (strchr(word, '/') == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for a command");
	return error_os(err, errno, "command `%.512s`", word);
}

static enum capsule_status write_manifest(
	struct buffer *out, const struct capsule_command *command, const char *program, struct capsule_error *err)
{
	enum capsule_status status;

	(void)buffer_append_text(out,
		"[package]\nname = \"" COMMAND_ID "\"\nversion = \"0.0.0\"\n"
		"[capabilities]\nhost_process = [");
	status = append_string(out, program, err);
	(void)buffer_printf(out, "]\n%s[[mcp_server]]\nid = \"server\"\ntype = \"stdio\"\nnetwork = %s\ncommand = ",
		command->network ? "net = [\"*\"]\n" : "", command->network ? "true" : "false");
	if (status == CAPSULE_OK)
		status = append_string(out, program, err);
	(void)buffer_append_text(out, "\nargs = [");
	for (size_t i = 1; status == CAPSULE_OK && command->argv[i] != NULL; i++) {
		if (i > COMMAND_ARGS_MAX || out->len > COMMAND_TEXT_MAX)
			return error_set(err, CAPSULE_EINVAL, "the command has more than %d words, or too long ones",
				COMMAND_ARGS_MAX);
		status = append_string(out, command->argv[i], err);
		(void)buffer_append_text(out, ", ");
	}
	(void)buffer_append_text(out, "]\n");
	return status == CAPSULE_OK ? buffer_check(out, err) : status;
}

static enum capsule_status make_manifest(
	struct capsule *capsule, const struct capsule_command *command, struct capsule_error *err)
{
	HOLD(buffer_fini) struct buffer text = { 0 };
	HOLD(free_drop) char *program = NULL;
	struct diagnostics diagnostics = { 0 };
	enum capsule_status status = program_of(command->argv[0], &program, err);

	if (status == CAPSULE_OK)
		status = write_manifest(&text, command, program, err);
	if (status == CAPSULE_OK)
		status = manifest_parse(&capsule->manifest, buffer_span(&text), "(the command)", &diagnostics, err);
	diagnostics_fini(&diagnostics);
	return status;
}

static enum capsule_status set_folder(struct capsule *capsule, const char *dir, struct capsule_error *err)
{
	struct stat info;

	if (dir == NULL)
		return CAPSULE_OK;
	capsule->dir = realpath(dir, NULL);
	if (capsule->dir == NULL)
		return error_os(err, errno, "folder `%.512s`", dir);
	if (stat(capsule->dir, &info) == 0 && S_ISDIR(info.st_mode))
		return CAPSULE_OK;
	return error_set(err, CAPSULE_EINVAL, "`%.512s` is no folder", dir);
}

static enum capsule_status check_command(const struct capsule_command *command, struct capsule_error *err)
{
	if (command->argv == NULL || command->argv[0] == NULL || command->argv[0][0] == '\0') {
		(void)error_set(err, CAPSULE_EINVAL, "the command has no words: argv begins with the program");
		return CAPSULE_EINVAL;
	}
	if (command->dir != NULL && command->dir[0] != '/')
		return error_set(err, CAPSULE_EINVAL, "dir is `%.256s`, expected an absolute path", command->dir);
	return CAPSULE_OK;
}

enum capsule_status capsule_load_command(struct capsule_runtime *runtime, const struct capsule_command *given,
	capsule_done_fn done, void *user, struct capsule_op **out, struct capsule_error *err)
{
	enum capsule_status status = runtime_enter(runtime, out, "capsule_load_command", err);
	struct capsule_command command = { 0 };
	struct capsule_error failure;
	struct capsule *capsule;
	struct capsule_op *op;

	if (status == CAPSULE_OK)
		status = take_command(&command, given, err);
	if (status == CAPSULE_OK)
		status = check_command(&command, err);
	if (status != CAPSULE_OK || runtime == NULL)
		return status;
	op = load_begin(runtime, done, user, err);
	if (op == NULL)
		return takedown_of_all(runtime) ? CAPSULE_ESTATE : CAPSULE_ENOMEM;
	capsule = op->capsule;
	capsule->unsandboxed = command.unsandboxed;
	capsule->id = text_copy(span_text(COMMAND_ID));
	status = capsule->id != NULL ? set_folder(capsule, command.dir, &failure)
				     : error_set(&failure, CAPSULE_ENOMEM, "no memory for a command");
	if (status == CAPSULE_OK)
		status = make_manifest(capsule, &command, &failure);
	if (status != CAPSULE_OK)
		op_fail(&op->call.op, &failure);
	else
		load_start(op, NULL);
	*out = op;
	return CAPSULE_OK;
}
