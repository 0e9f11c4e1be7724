/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Each function reads one form and gives up at the first byte that it does not know. */
#include "manifest/toml_scan.h"

#define DIGITS_MAX 18       /* of an integer: it fits into 64 bits whatever they are */
#define FLOAT_DIGITS_MAX 15 /* of a float: as an integer it is exact in a double, and so is the power of ten */

/* Bytes that stand for themselves in a basic string, and in a comment or literal string; bytes of bare keys. */
enum { IN_STRING = 1, IN_LITERAL = 2, IN_KEY = 4 };

#define ANYWHERE (IN_STRING | IN_LITERAL)

__extension__ static const uint8_t classes[256] = {
	['\t'] = ANYWHERE,
	[' ' ... '!'] = ANYWHERE,
	['"'] = IN_LITERAL,
	['#' ... '&'] = ANYWHERE,
	['\''] = IN_STRING,
	['(' ... ','] = ANYWHERE,
	['-'] = ANYWHERE | IN_KEY,
	['.' ... '/'] = ANYWHERE,
	['0' ... '9'] = ANYWHERE | IN_KEY,
	[':' ... '@'] = ANYWHERE,
	['A' ... 'Z'] = ANYWHERE | IN_KEY,
	['['] = ANYWHERE,
	['\\'] = IN_LITERAL,
	[']' ... '^'] = ANYWHERE,
	['_'] = ANYWHERE | IN_KEY,
	['`'] = ANYWHERE,
	['a' ... 'z'] = ANYWHERE | IN_KEY,
	['{' ... '~'] = ANYWHERE,
	[0x80 ... 0xFF] = ANYWHERE,
};

static inline const char *skip(const char *at, const char *end, uint8_t class)
{
	while (at < end && (classes[(uint8_t)*at] & class) != 0)
		at++;
	return at;
}

bool scan_line_end(struct toml_scan *scan)
{
	scan_blanks(scan);
	if (scan_take(scan, '#'))
		while (scan->at < scan->end && (*scan->at == '\'' || (classes[(uint8_t)*scan->at] & IN_LITERAL) != 0))
			scan->at++;
	if (scan->at == scan->end || scan_take(scan, '\n'))
		return true;
	return scan_take(scan, '\r') && scan_take(scan, '\n');
}

bool scan_gap(struct toml_scan *scan)
{
	while (true) {
		scan_blanks(scan);
		if (scan->at == scan->end || (*scan->at != '#' && *scan->at != '\n' && *scan->at != '\r'))
			return true;
		if (!scan_line_end(scan))
			return false;
	}
}

/* What was decoded since `from`, as a text of `node`. */
static void end_text(struct toml_scan *scan, char *from, struct deps_toml_node *node)
{
	node->kind = DEPS_TOML_STRING;
	node->text = from;
	node->text_len = (size_t)(scan->texts - from);
	*scan->texts++ = '\0';
}

static void put(struct toml_scan *scan, const char *from, const char *to)
{
	memcpy(scan->texts, from, (size_t)(to - from));
	scan->texts += to - from;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A code point of `digits` hexadecimal digits as UTF-8, which is never longer. */
static bool put_code_point(struct toml_scan *scan, int digits)
{
	uint32_t code = 0;

	if (scan->end - scan->at < digits)
		return false;
	for (int i = 0; i < digits; i++) {
		int digit = hex_digit(*scan->at++);

		if (digit < 0)
			return false;
		code = code << 4 | (uint32_t)digit;
	}
	if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
		return false;
	if (code < 0x80) {
		*scan->texts++ = (char)code;
		return true;
	}
	if (code >= 0x10000)
		*scan->texts++ = (char)(0xF0 | code >> 18);
	if (code >= 0x800)
		*scan->texts++ = (char)(code >= 0x10000 ? 0x80 | (code >> 12 & 0x3F) : 0xE0 | code >> 12);
	*scan->texts++ = (char)(code >= 0x800 ? 0x80 | (code >> 6 & 0x3F) : 0xC0 | code >> 6);
	*scan->texts++ = (char)(0x80 | (code & 0x3F));
	return true;
}

/* What follows a backslash. */
static bool put_escape(struct toml_scan *scan)
{
	static const char names[] = "btnfr\"\\", meanings[] = "\b\t\n\f\r\"\\";
	const char *name;
	char byte;

	if (scan->at == scan->end || *scan->at == '\0')
		return false;
	byte = *scan->at++;
	if (byte == 'u' || byte == 'U')
		return put_code_point(scan, byte == 'u' ? 4 : 8);
	name = strchr(names, byte);
	if (name == NULL)
		return false;
	*scan->texts++ = meanings[name - names];
	return true;
}

/* Behind the opening quote, to the closing one. */
static bool basic_string(struct toml_scan *scan, struct deps_toml_node *node)
{
	char *from = scan->texts;

	while (true) {
		const char *stop = skip(scan->at, scan->end, IN_STRING);

		put(scan, scan->at, stop);
		scan->at = stop;
		if (scan_take(scan, '"')) {
			end_text(scan, from, node);
			return true;
		}
		if (!scan_take(scan, '\\') || !put_escape(scan))
			return false;
	}
}

static bool literal_string(struct toml_scan *scan, struct deps_toml_node *node)
{
	const char *stop = skip(scan->at, scan->end, IN_LITERAL);
	char *from = scan->texts;

	put(scan, scan->at, stop);
	scan->at = stop;
	if (!scan_take(scan, '\''))
		return false;
	end_text(scan, from, node);
	return true;
}

static bool at_three(const struct toml_scan *scan, char quote)
{
	return scan->end - scan->at >= 3 && scan->at[0] == quote && scan->at[1] == quote && scan->at[2] == quote;
}

/* Behind three opening quotes. Line ends other than a line feed, lines that are joined, and quotes before the closing ones are
 * left to the library. */
static bool long_string(struct toml_scan *scan, char quote, struct deps_toml_node *node)
{
	char *from = scan->texts;

	(void)scan_take(scan, '\n');
	while (!at_three(scan, quote)) {
		const char *stop = skip(scan->at, scan->end, quote == '"' ? IN_STRING : IN_LITERAL);

		put(scan, scan->at, stop);
		scan->at = stop;
		if (scan->at == scan->end)
			return false;
		if (*scan->at == '\n' || (*scan->at == quote && !at_three(scan, quote)))
			*scan->texts++ = *scan->at++;
		else if (*scan->at == '\\' && quote == '"') {
			scan->at++;
			if (!put_escape(scan))
				return false;
		} else if (*scan->at != quote)
			return false;
	}
	scan->at += 3;
	if (scan->at < scan->end && *scan->at == quote)
		return false;
	end_text(scan, from, node);
	return true;
}

static bool string(struct toml_scan *scan, struct deps_toml_node *node)
{
	char quote = *scan->at;

	if (at_three(scan, quote)) {
		scan->at += 3;
		return long_string(scan, quote, node);
	}
	scan->at++;
	return quote == '"' ? basic_string(scan, node) : literal_string(scan, node);
}

bool scan_key(struct toml_scan *scan, struct deps_toml_node *node)
{
	const char *start = scan->at;

	if (scan->at == scan->end)
		return false;
	if (*scan->at == '"' || *scan->at == '\'') {
		if (at_three(scan, *scan->at) || !string(scan, node))
			return false;
	} else {
		char *from = scan->texts;
		const char *stop = skip(start, scan->end, IN_KEY);

		if (stop == start)
			return false;
		put(scan, start, stop);
		scan->at = stop;
		end_text(scan, from, node);
	}
	node->key = node->text;
	node->key_len = node->text_len;
	node->key_start = (size_t)(start - scan->start);
	node->key_end = (size_t)(scan->at - scan->start);
	node->text = NULL;
	node->text_len = 0;
	return true;
}

/* At least one digit, at most `max`; how many is told. */
static int digits(struct toml_scan *scan, int max, int64_t *value)
{
	const char *from = scan->at;

	while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9' && scan->at - from < max)
		*value = *value * 10 + (*scan->at++ - '0');
	return (int)(scan->at - from);
}

static bool number(struct toml_scan *scan, struct deps_toml_node *node)
{
	bool negative = scan_take(scan, '-');
	const char *first = scan->at;
	int64_t value = 0;
	int whole = digits(scan, DIGITS_MAX, &value), fraction;
	double scale = 1;

	if (whole == 0 || (*first == '0' && whole > 1))
		return false;
	node->kind = DEPS_TOML_INTEGER;
	node->integer = negative ? -value : value;
	if (!scan_take(scan, '.'))
		return true;
	fraction = whole < FLOAT_DIGITS_MAX ? digits(scan, FLOAT_DIGITS_MAX - whole, &value) : 0;
	for (int i = 0; i < fraction; i++)
		scale *= 10;
	node->kind = DEPS_TOML_FLOAT;
	node->integer = 0;
	node->number = (negative ? -(double)value : (double)value) / scale;
	return fraction > 0;
}

static bool word(struct toml_scan *scan, const char *word, int truth, struct deps_toml_node *node)
{
	size_t len = strlen(word);

	if ((size_t)(scan->end - scan->at) < len || memcmp(scan->at, word, len) != 0)
		return false;
	scan->at += len;
	node->kind = DEPS_TOML_BOOLEAN;
	node->boolean = truth;
	return true;
}

/* Whether a number or word may end here; a date, an exponent or a base would go on. */
static bool at_end_of_word(const struct toml_scan *scan)
{
	return scan->at == scan->end || (*scan->at != '\0' && strchr(" \t\r\n,]}#", *scan->at) != NULL);
}

bool scan_scalar(struct toml_scan *scan, struct deps_toml_node *node)
{
	const char *start = scan->at;
	bool good;

	if (scan->at == scan->end)
		return false;
	if (*start == '"' || *start == '\'')
		good = string(scan, node);
	else
		good = (number(scan, node) ||
			       (scan->at == start && (word(scan, "true", 1, node) || word(scan, "false", 0, node)))) &&
			at_end_of_word(scan);
	node->start = (size_t)(start - scan->start);
	node->end = (size_t)(scan->at - scan->start);
	return good;
}
