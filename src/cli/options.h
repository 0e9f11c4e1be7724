/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Options of the command line: one table, read by the parser and by help. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <capsule/instance.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cli;

enum color_when { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

/* One of some words, for something that is named or for everything. */
struct choice {
	const char *name; /* NULL: for everything */
	int word;
};

/* What was asked for. Texts are borrowed from the program's arguments. */
struct options {
	uint64_t repeat; /* 1 unless asked otherwise, as --repeat or --calls */
	bool time, json, dot, memory_store, no_cache, remove, write, trust, yes, revoke, help;
	bool events, from_stdin, stay, stats, network, sha256;
	uint64_t cpu_ms, wall_ms;              /* 0: the library's default */
	uint64_t inbox_messages, inbox_kib;    /* 0: the library's default */
	uint64_t compile_seconds, compile_mib; /* 0: the library's default */
	uint64_t timeout_seconds;              /* 0: not given */
	const char *home;                      /* NULL: the library's default */
	const char *workspace;                 /* NULL: the working directory */
	const char *language, *dir;            /* NULL: not given */
	int log_level;                         /* enum capsule_log_level */
	int color;                             /* enum color_when */
	struct capsule_setting *settings;
	size_t setting_count;
	struct choice *overlays; /* of enum capsule_overlay_mode */
	size_t overlay_count;
	const char **unsandboxed; /* ids of capsules, "*" for all */
	size_t unsandboxed_count;
	const char *sandbox_shell; /* NULL: not given */
};

enum option_kind {
	OPTION_FLAG,
	OPTION_NUMBER,
	OPTION_TEXT,
	OPTION_WORD,
	OPTION_SETTING,
	OPTION_CHOICE,
	OPTION_IDS /* for everything, or with `=` for what is named; may be repeated */
};

struct option_row {
	const char *name;
	enum option_kind kind;
	const char *value; /* what the value is called in help, NULL for flags; operands.h reads it */
	size_t field;      /* offset in struct options */
	uint64_t least, most;
	const char *words; /* separated by '|', for OPTION_WORD and OPTION_CHOICE */
	const char *help;
};

enum option_id {
#define OPTION(symbol, name, kind, value, field, least, most, words, help) OPTION_ID_##symbol,
#include "cli/options.def"
#undef OPTION
	OPTION_COUNT
};

/* A set of options is a bit for each. */
__extension__ enum option_bit {
#define OPTION(symbol, name, kind, value, field, least, most, words, help)                                             \
	OPTION_BIT_##symbol = 1ll << OPTION_ID_##symbol,
#include "cli/options.def"
#undef OPTION
};

/* How modules are compiled. */
#define OPTION_BITS_COMPILE (OPTION_BIT_COMPILE_SECONDS | OPTION_BIT_COMPILE_MIB | OPTION_BIT_NO_CACHE)

_Static_assert(OPTION_COUNT <= 62, "with more options the set needs another type");

extern const struct option_row cli_options[OPTION_COUNT];

/** Read `argv` (borrowed, `argc` entries, those after the command's name) into cli->options and cli->operands, by the rules
 *  of cli->command: long options as --name=value or --name value anywhere, "--" before operands that begin with '-', "-" is
 *  an operand. Settings are split in place. Says on standard error what is wrong. Returns the exit status: 0, 2, or 1 when
 *  out of memory. */
int cli_options_parse(struct cli *cli, int argc, char **argv);

/** Free what cli_options_parse() made. */
void cli_options_fini(struct cli *cli);

#endif
