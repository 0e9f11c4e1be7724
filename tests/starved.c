/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "starved.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static atomic_int fails_in; /* allocations until the one that fails; 0 or less: none does */

void *starved_malloc(size_t size);
void *starved_calloc(size_t count, size_t size);
void *starved_realloc(void *block, size_t size);
void *starved_reallocarray(void *block, size_t count, size_t size);
char *starved_strdup(const char *text);
__attribute__((format(printf, 2, 0))) int starved_vasprintf(char **out, const char *format, va_list args);
__attribute__((format(printf, 2, 3))) int starved_asprintf(char **out, const char *format, ...);
__attribute__((format(printf, 3, 0))) int starved_vasprintf_chk(char **out, int flag, const char *format, va_list args);
__attribute__((format(printf, 3, 4))) int starved_asprintf_chk(char **out, int flag, const char *format, ...);

static bool starves(void)
{
	return atomic_load(&fails_in) > 0 && atomic_fetch_sub(&fails_in, 1) == 1;
}

void *starved_malloc(size_t size)
{
	return starves() ? NULL : malloc(size);
}

void *starved_calloc(size_t count, size_t size)
{
	return starves() ? NULL : calloc(count, size);
}

void *starved_realloc(void *block, size_t size)
{
	return starves() ? NULL : realloc(block, size);
}

void *starved_reallocarray(void *block, size_t count, size_t size)
{
	return starves() ? NULL : reallocarray(block, count, size);
}

char *starved_strdup(const char *text)
{
	return starves() ? NULL : strdup(text);
}

int starved_vasprintf(char **out, const char *format, va_list args)
{
	return starves() ? -1 : vasprintf(out, format, args);
}

int starved_vasprintf_chk(char **out, int flag, const char *format, va_list args)
{
	(void)flag;
	return starved_vasprintf(out, format, args);
}

int starved_asprintf(char **out, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = starved_vasprintf(out, format, args);
	va_end(args);
	return len;
}

int starved_asprintf_chk(char **out, int flag, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = starved_vasprintf_chk(out, flag, format, args);
	va_end(args);
	return len;
}

void starved_begin(int nth)
{
	atomic_store(&fails_in, nth);
}

bool starved_waits(void)
{
	return atomic_load(&fails_in) > 0;
}

bool starved_end(void)
{
	return atomic_exchange(&fails_in, 0) <= 0;
}
