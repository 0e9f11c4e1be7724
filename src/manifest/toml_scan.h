/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The words of the TOML that toml_quick.h reads: blanks, keys, strings, numbers. Threads: any. */
#ifndef MANIFEST_TOML_SCAN_H
#define MANIFEST_TOML_SCAN_H

#include "base/span.h"

#include <capsule_deps.h>

struct toml_scan {
	const char *start, *at, *end; /* of the document; `at` moves */
	char *texts; /* where decoded texts go, each with a zero behind it; never more than were read */
};

/** Blanks and tabs. */
static inline void scan_blanks(struct toml_scan *scan)
{
	while (scan->at < scan->end && (*scan->at == ' ' || *scan->at == '\t'))
		scan->at++;
}

/** Whether the next byte is `byte`, which is then read. */
static inline bool scan_take(struct toml_scan *scan, char byte)
{
	if (scan->at == scan->end || *scan->at != byte)
		return false;
	scan->at++;
	return true;
}

/** Blanks, a comment and the end of the line, or of the document. False for anything else. */
bool scan_line_end(struct toml_scan *scan);

/** Blanks, comments and line ends, as many as there are. False when a comment is not well formed. */
bool scan_gap(struct toml_scan *scan);

/** One part of a key, bare or in quotes; its place and text go to `node`. False for none, or one to leave to the library. */
bool scan_key(struct toml_scan *scan, struct deps_toml_node *node);

/** A string, a number or a truth value, kind, value and place to `node`. False as above. */
bool scan_scalar(struct toml_scan *scan, struct deps_toml_node *node);

#endif
