/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Entries of the capability tables. A capsule that was accepted elsewhere must load here too, so nearly all that is said is a
 * warning; it says what the entry grants, if anything, and what to write instead. */
#include "base/text.h"
#include "manifest/validate_part.h"

#include <stdio.h>

/* One entry of a list on its way through the checks. */
struct grant {
	const char *key, *label; /* `fs_read` in `[capabilities]` */
	const char *text;
	struct place place;
	struct diagnostics *found;
};

static bool among(const char *text, size_t len, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (span_is(span_of(text, len), words[i]))
			return true;
	return false;
}

#define AMONG(text, len, words) among(text, len, words, sizeof(words) / sizeof((words)[0]))

/* Says "`ENTRY` in `KEY` of [capabilities]" and `what`. */
static void warn(const struct grant *grant, const char *what, const char *fix)
{
	diagnostics_add(grant->found, SEVERITY_WARNING, PLACE_ARGS(grant->place), fix,
		"`%" VALIDATE_SHOWN "` in `%s` of %s %s", grant->text, grant->key, grant->label, what);
}

static void warn_write(const struct grant *grant, const char *what, struct span instead)
{
	char fix[VALIDATE_FIX_MAX];

	(void)snprintf(fix, sizeof(fix), "write `%.*s`", (int)(instead.len < 200 ? instead.len : 200),
		(const char *)instead.data);
	warn(grant, what, fix);
}

static bool warn_empty(const struct grant *grant)
{
	if (grant->text[0] != '\0')
		return false;
	diagnostics_add(grant->found, SEVERITY_WARNING, PLACE_ARGS(grant->place), "remove it",
		"an empty entry in `%s` of %s grants nothing", grant->key, grant->label);
	return true;
}

/* ---- Files ---- */

#define WORKSPACE "workspace://"
#define GLOBAL "global://"

static const char *const system_folders[] = { "/", "/home", "/root", "/Users", "/etc", "/usr", "/bin", "/sbin", "/lib",
	"/boot", "/dev", "/proc", "/sys", "/var", "/opt" };
static const char *const home_parents[] = { "/home/", "/Users/" };

/* Length of `path` without what ends it in vain: slashes and `.` segments. */
static size_t path_length(const char *path)
{
	size_t len = strlen(path);

	while (len > 1 && (path[len - 1] == '/' || (path[len - 1] == '.' && path[len - 2] == '/')))
		len--;
	return len;
}

static bool is_home(const char *path, size_t len)
{
	for (size_t i = 0; i < sizeof(home_parents) / sizeof(home_parents[0]); i++) {
		size_t parent = strlen(home_parents[i]);

		if (len > parent && memcmp(path, home_parents[i], parent) == 0 &&
			memchr(path + parent, '/', len - parent) == NULL)
			return true;
	}
	return false;
}

static bool has_parent_segment(const char *path)
{
	for (const char *at = strstr(path, ".."); at != NULL; at = strstr(at + 1, ".."))
		if ((at == path || at[-1] == '/') && (at[2] == '/' || at[2] == '\0'))
			return true;
	return false;
}

/* What follows the scheme; `path` itself when it has none. */
static const char *after_scheme(const char *path)
{
	const char *at = path;

	while ((*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z'))
		at++;
	return strncmp(at, "://", 3) == 0 ? at + 3 : path;
}

static void check_scheme(const struct grant *grant, const char *rest)
{
	char scheme[16], fix[VALIDATE_FIX_MAX];
	static const char *const schemes[] = { WORKSPACE, GLOBAL };
	const char *near = NULL;
	size_t len = (size_t)(rest - grant->text);

	if (AMONG(grant->text, len, schemes)) {
		if (rest[0] == '/')
			warn(grant, "counts from the folder that the scheme names; the `/` behind it has no meaning",
				"remove the third `/`, or the scheme when you mean a folder of the machine");
		return;
	}
	if (len < sizeof(scheme)) {
		(void)snprintf(scheme, sizeof(scheme), "%.*s", (int)len, grant->text);
		text_lower(scheme);
		near = text_nearest(scheme, schemes, 2);
	}
	(void)snprintf(
		fix, sizeof(fix), "did you mean `%s%" VALIDATE_SHOWN "`?", near != NULL ? near : WORKSPACE, rest);
	warn(grant, "has an unknown scheme and grants nothing; schemes: `" WORKSPACE "`, `" GLOBAL "`", fix);
}

static void check_star(const struct grant *grant)
{
	size_t len = strcspn(grant->text, "*");

	while (len > 0 && grant->text[len - 1] != '/')
		len--;
	if (len > 1 && grant->text[len - 2] != '/' && grant->text[len - 1] == '/')
		len--;
	if (len == 0)
		warn(grant, "is no pattern, it means names with a `*` in them; only `*` alone is special",
			"write `*` for the whole workspace, or name a folder: all below it is included");
	else
		warn_write(grant, "is no pattern, it means names with a `*` in them; a folder includes all below it",
			span_of(grant->text, len));
}

static void check_file(const struct grant *grant)
{
	const char *rest = after_scheme(grant->text);
	size_t len = path_length(grant->text);

	if (warn_empty(grant) || strcmp(grant->text, "*") == 0)
		return;
	if (has_parent_segment(rest)) {
		diagnostics_add(grant->found, SEVERITY_ERROR, PLACE_ARGS(grant->place),
			"name the folder itself: `" WORKSPACE "` for the workspace, or its absolute path",
			"`%" VALIDATE_SHOWN "` in `%s` of %s has a segment '..': it could never be granted",
			grant->text, grant->key, grant->label);
		return;
	}
	if (rest != grant->text)
		check_scheme(grant, rest);
	if (strchr(grant->text, '*') != NULL)
		check_star(grant);
	else if (grant->text[0] == '~' || grant->text[0] == '$')
		warn(grant, "is taken as it is: variables and `~` are not replaced in a manifest",
			"write `" WORKSPACE "` or an absolute path");
	else if (AMONG(grant->text, len, system_folders) || is_home(grant->text, len))
		warn(grant,
			strcmp(grant->key, "fs_write") == 0
				? "lets the capsule change files of the whole machine or of a whole home"
				: "lets the capsule read files of the whole machine or of a whole home, also secrets",
			"name the folders that it needs, as `" WORKSPACE "notes`");
}

/* ---- Network ---- */

/* The host in something like a URL: behind `://` and a user, before a port, path, query or fragment. */
static struct span host_of(const char *text)
{
	const char *start = strstr(text, "://"), *at;
	size_t len;

	start = start != NULL ? start + 3 : text;
	len = strcspn(start, "/?#");
	at = memchr(start, '@', len);
	if (at != NULL) {
		len -= (size_t)(at + 1 - start);
		start = at + 1;
	}
	if (start[0] == '[' && memchr(start, ']', len) != NULL)
		return span_of(start, (size_t)((const char *)memchr(start, ']', len) - start) + 1);
	at = memchr(start, ':', len);
	return span_of(start, at != NULL ? (size_t)(at - start) : len);
}

static void check_host_text(const struct grant *grant)
{
	struct span host = host_of(grant->text);
	bool upper = false, odd = grant->text[0] == '.' || strstr(grant->text, "..") != NULL;

	for (const char *at = grant->text; *at != '\0'; at++) {
		upper |= *at >= 'A' && *at <= 'Z';
		odd |= (unsigned char)*at <= ' ' || (unsigned char)*at >= 0x7F ||
			strchr("*\"'\\(),;<>|{}", *at) != NULL;
	}
	if (host.len < strlen(grant->text) && host.len > 0)
		warn_write(grant, "is more than a host name and matches no host", host);
	else if (odd || host.len == 0)
		warn(grant, "is not a host name and matches no host",
			"write the name alone, as `api.example.com`; one with other letters in its `xn--` form");
	else if (upper)
		warn(grant, "is taken in lower case, as the names of hosts are", "write it in lower case");
}

static void check_net(const struct grant *grant)
{
	if (warn_empty(grant))
		return;
	if (strcmp(grant->text, "*") == 0)
		warn(grant, "lets the capsule send anything to any host", "name the hosts that it needs");
	else if (strncmp(grant->text, "*.", 2) == 0)
		warn_write(grant, "grants nothing: a host includes all names below it", span_text(grant->text + 2));
	else
		check_host_text(grant);
}

/* ---- Programs, listening, identities ---- */

static const char *const interpreters[] = { "sh", "bash", "dash", "zsh", "fish", "ksh", "csh", "tcsh", "busybox", "env",
	"xargs", "sudo", "su", "python", "python2", "python3", "node", "nodejs", "deno", "bun", "perl", "ruby", "php",
	"lua", "awk", "gawk", "tclsh", "pwsh", "powershell", "cmd" };

static void check_program(const struct grant *grant)
{
	const char *name = strrchr(grant->text, '/');
	bool bundled = strncmp(grant->text, "./", 2) == 0;

	if (warn_empty(grant))
		return;
	name = name != NULL ? name + 1 : grant->text;
	if (strpbrk(grant->text, " \t") != NULL && strcspn(grant->text, " \t") < strcspn(grant->text, "/"))
		warn_write(grant, "grants nothing: a program is named without its arguments",
			span_of(grant->text, strcspn(grant->text, " \t")));
	else if (!bundled && AMONG(name, strlen(name), interpreters))
		warn(grant, "runs any code that it is given, with all that the sandbox of the capsule has",
			"name the program that does the work, or deliver it with the capsule as `./name`");
}

static void check_bind(const struct grant *grant)
{
	(void)warn_empty(grant);
}

static void check_identity(const struct grant *grant)
{
	static const char *const words[] = { "resolve", "link", "admin" };
	char lower[16], fix[VALIDATE_FIX_MAX];
	const char *near = NULL;
	size_t len = strlen(grant->text);

	if (warn_empty(grant))
		return;
	if (strcmp(grant->text, "admin") == 0)
		warn(grant, "lets the capsule create users and act for all of them",
			"write `resolve` to look users up, `link` to connect accounts to them");
	if (AMONG(grant->text, len, words))
		return;
	if (len < sizeof(lower)) {
		memcpy(lower, grant->text, len + 1);
		text_lower(lower);
		near = text_nearest(lower, words, sizeof(words) / sizeof(words[0]));
	}
	(void)snprintf(fix, sizeof(fix), "did you mean `%s`?", near != NULL ? near : "");
	warn(grant, "is unknown and grants nothing; words: `resolve`, `link`, `admin`",
		near != NULL ? fix : "remove it");
}

static void check_list(const struct string_list *list, const char *key, const char *label,
	void (*check)(const struct grant *), struct diagnostics *found)
{
	for (size_t i = 0; i < list->count; i++) {
		struct grant grant = { key, label, list->items[i], list->places[i], found };

		check(&grant);
	}
}

void validate_grants(const struct manifest *manifest, struct diagnostics *found)
{
	struct granted granted[GRANTED_MAX];
	size_t count = validate_granted(manifest, granted);

	for (size_t i = 0; i < count; i++) {
		const struct manifest_capabilities *capabilities = granted[i].capabilities;
		const char *label = granted[i].label;

		check_list(&capabilities->net, "net", label, check_net, found);
		check_list(&capabilities->fs_read, "fs_read", label, check_file, found);
		check_list(&capabilities->fs_write, "fs_write", label, check_file, found);
		check_list(&capabilities->host_process, "host_process", label, check_program, found);
		check_list(&capabilities->net_bind, "net_bind", label, check_bind, found);
		check_list(&capabilities->identity, "identity", label, check_identity, found);
		if (capabilities->allow_prompt_injection)
			diagnostics_add(found, SEVERITY_WARNING, PLACE_ARGS(capabilities->allow_prompt_injection_place),
				"remove it unless changing prompts is what the capsule is for",
				"`allow_prompt_injection` of %s lets the capsule change what the agent is told to do",
				label);
	}
}
