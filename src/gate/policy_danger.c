/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "gate/policy_danger.h"

#include "base/topic.h"
#include "gate/path.h"
#include "gate/policy_server.h"
#include "gate/question.h"

struct danger {
	const char *name, *why;
};

#define ANY_CODE "it runs whatever code it is given, with all that the sandbox of the capsule has"
#define ANY_PROGRAM "it starts any other program of the system, in the sandbox of the capsule"
#define ANY_PACKAGE "it runs code from the network, where the capsule has one, in its sandbox"
#define ANY_RIGHTS "it gets other rights than those of the user, where it runs without a sandbox"
#define ANY_HOST "it talks to any host, where the capsule has a network, whatever `net` says"

static const struct danger programs[] = {
	{ "sh", ANY_CODE },
	{ "bash", ANY_CODE },
	{ "dash", ANY_CODE },
	{ "zsh", ANY_CODE },
	{ "fish", ANY_CODE },
	{ "ksh", ANY_CODE },
	{ "csh", ANY_CODE },
	{ "tcsh", ANY_CODE },
	{ "busybox", ANY_CODE },
	{ "python", ANY_CODE },
	{ "perl", ANY_CODE },
	{ "ruby", ANY_CODE },
	{ "node", ANY_CODE },
	{ "nodejs", ANY_CODE },
	{ "deno", ANY_CODE },
	{ "bun", ANY_CODE },
	{ "php", ANY_CODE },
	{ "lua", ANY_CODE },
	{ "luajit", ANY_CODE },
	{ "tclsh", ANY_CODE },
	{ "awk", ANY_CODE },
	{ "gawk", ANY_CODE },
	{ "make", ANY_CODE },
	{ "gdb", ANY_CODE },
	{ "env", ANY_PROGRAM },
	{ "xargs", ANY_PROGRAM },
	{ "find", ANY_PROGRAM },
	{ "nohup", ANY_PROGRAM },
	{ "setsid", ANY_PROGRAM },
	{ "timeout", ANY_PROGRAM },
	{ "nice", ANY_PROGRAM },
	{ "git", ANY_PROGRAM },
	{ "npx", ANY_PACKAGE },
	{ "npm", ANY_PACKAGE },
	{ "pnpm", ANY_PACKAGE },
	{ "yarn", ANY_PACKAGE },
	{ "bunx", ANY_PACKAGE },
	{ "uvx", ANY_PACKAGE },
	{ "uv", ANY_PACKAGE },
	{ "pip", ANY_PACKAGE },
	{ "pipx", ANY_PACKAGE },
	{ "cargo", ANY_PACKAGE },
	{ "go", ANY_PACKAGE },
	{ "sudo", ANY_RIGHTS },
	{ "su", ANY_RIGHTS },
	{ "pkexec", ANY_RIGHTS },
	{ "docker", ANY_RIGHTS },
	{ "podman", ANY_RIGHTS },
	{ "ssh", ANY_HOST },
	{ "curl", ANY_HOST },
	{ "wget", ANY_HOST },
	{ "nc", ANY_HOST },
	{ "socat", ANY_HOST },
};

/* Below these lies what a system or its users are kept safe by. */
static const char *const system_folders[] = { "/etc", "/root", "/proc", "/sys", "/dev", "/boot", "/run", "/var/run",
	"/usr", "/bin", "/sbin", "/lib", "/lib64" };
static const char *const key_folders[] = { ".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker", ".netrc", ".pki",
	".password-store", ".git-credentials", ".mozilla", ".config" };

/* The last component, without the version that interpreters carry in their names. */
static struct span program_name(const char *entry)
{
	const char *slash = strrchr(entry, '/');
	struct span name = span_text(slash != NULL ? slash + 1 : entry);

	while (name.len > 0 &&
		(name.data[name.len - 1] == '.' || name.data[name.len - 1] == '-' ||
			(name.data[name.len - 1] >= '0' && name.data[name.len - 1] <= '9')))
		name.len--;
	return name;
}

/* An entry covers what is below it: one without a dot is a whole top-level domain, or a name of the local network. */
static const char *host_danger(const char *host)
{
	if (strcmp(host, "*") == 0)
		return "it may send anything to any host";
	if (strchr(host, '.') == NULL && host[0] != '[' && strcmp(host, "localhost") != 0)
		return "it may send anything to every host whose name ends in this one";
	return NULL;
}

static const char *program_danger(const char *entry)
{
	struct span name = program_name(entry);

	for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++)
		if (span_is(name, programs[i].name))
			return programs[i].why;
	return NULL;
}

static bool holds_keys(struct span path)
{
	struct span component;

	while (path_next(&path, &component))
		for (size_t i = 0; i < sizeof key_folders / sizeof key_folders[0]; i++)
			if (span_is(component, key_folders[i]))
				return true;
	return false;
}

/* "/home", and what stands directly in it. */
static bool is_user_folder(struct span path)
{
	struct span component;
	size_t depth = 0;
	bool home = false;

	for (; path_next(&path, &component); depth++)
		home = depth == 0 ? span_is(component, "home") : home;
	return home && depth <= 2;
}

static const char *path_danger(const struct policy_row *row, const struct entry_roots *roots)
{
	struct span path = span_text(row->target), workspace = span_of(NULL, 0);

	if (roots->workspace != NULL)
		workspace = span_text(roots->workspace);
	if (span_is(path, "/"))
		return "it opens the whole disk";
	if (roots->forbidden != NULL && path_below(path, span_text(roots->forbidden), NULL))
		return "the folder holds the home of the runtime (which stays closed), and so what belongs to its user";
	if (is_user_folder(path))
		return "it opens all that belongs to a user";
	for (size_t i = 0; i < sizeof system_folders / sizeof system_folders[0]; i++)
		if (path_below(span_text(system_folders[i]), path, NULL))
			return "it opens files of the system";
	if (holds_keys(path))
		return "such folders hold keys and settings of users";
	if (workspace.len == 0 || !path_below(path, workspace, NULL))
		return NULL;
	if (!path_below(workspace, path, NULL))
		return "it opens a folder above the workspace";
	return row->operation == GATE_WRITE ? "it may change every file of the workspace" : NULL;
}

/* The first segment decides what a topic belongs to. */
static bool reaches_runtime(struct span pattern)
{
	return span_is(pattern, "*")
		? false
		: span_starts(pattern, span_text("astrid.")) || span_starts(pattern, span_text("*."));
}

static const char *flag_danger(const struct policy_row *row)
{
	if (strcmp(row->key, "allow_prompt_injection") == 0)
		return "what it adds to prompts is obeyed like a person's words";
	if (row->server != NULL)
		return policy_server_has_network(row->server) ? "it may send what it is told to any host" : NULL;
	if (strcmp(row->key, POLICY_INTERCEPTOR) != 0)
		return NULL;
	if (reaches_runtime(span_text(row->entry)))
		return "it may keep events of the runtime itself from everybody";
	return strcmp(row->target, "rewrite") == 0 ? "it may change what others publish, and it still counts as theirs"
						   : NULL;
}

const char *policy_danger(const struct policy_row *row, const struct entry_roots *roots)
{
	if (row->operation == GATE_OPERATIONS)
		return flag_danger(row);
	if (row->target == NULL)
		return NULL;
	switch (row->operation) {
	case GATE_READ:
	case GATE_WRITE:
		return path_danger(row, roots);
	case GATE_HTTP:
		return host_danger(row->target);
	case GATE_PROCESS:
		return program_danger(row->entry);
	case GATE_IDENTITY:
		return identity_level(span_text(row->entry)) == 3 ? "it may make users and act for all of them" : NULL;
	case GATE_PUBLISH:
		return reaches_runtime(span_text(row->entry)) ? "it may speak in topics of the runtime itself" : NULL;
	case GATE_SUBSCRIBE:
		return reaches_runtime(span_text(row->entry)) ? "it may hear topics of the runtime itself" : NULL;
	case GATE_BIND:
	case GATE_UPLINK:
	case GATE_OPERATIONS:
		break;
	}
	return NULL;
}
