/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "gate/path.h"

#include "base/buffer.h"
#include "base/cleanup.h"

#include <errno.h>

bool path_next(struct span *rest, struct span *component)
{
	while (rest->len > 0) {
		const uint8_t *slash = memchr(rest->data, '/', rest->len);
		size_t len = slash != NULL ? (size_t)(slash - rest->data) : rest->len;
		size_t step = slash != NULL ? len + 1 : len;

		*component = span_of(rest->data, len);
		*rest = span_of(rest->data + step, rest->len - step);
		if (len > 1 || (len == 1 && component->data[0] != '.'))
			return true;
	}
	return false;
}

bool path_has_dots(struct span path)
{
	struct span component;

	while (path_next(&path, &component))
		if (span_is(component, ".."))
			return true;
	return false;
}

bool path_below(struct span root, struct span path, size_t *rest_at)
{
	struct span above, component, rest = path;

	while (path_next(&root, &above))
		if (!path_next(&rest, &component) || !span_equal(above, component))
			return false;
	if (rest_at != NULL)
		*rest_at = path_next(&rest, &component) ? (size_t)(component.data - path.data) : path.len;
	return true;
}

int path_compare(struct span a, struct span b)
{
	struct span in_a, in_b;

	for (;;) {
		bool more_a = path_next(&a, &in_a), more_b = path_next(&b, &in_b);
		int order;

		if (!more_a || !more_b)
			return more_a - more_b;
		order = memcmp(in_a.data, in_b.data, in_a.len < in_b.len ? in_a.len : in_b.len);
		if (order == 0)
			order = (in_a.len > in_b.len) - (in_a.len < in_b.len);
		if (order != 0)
			return order;
	}
}

/* How many bytes of `path` its first `count` components take. */
static size_t head_len(const char *path, size_t count)
{
	struct span rest = span_text(path), component = span_of(path, 0);

	while (count-- > 0 && path_next(&rest, &component))
		continue;
	return (size_t)((const char *)component.data - path) + component.len;
}

/* The real path of the first `count` components, NULL with errno set. */
static char *head_real(const char *path, size_t count)
{
	HOLD(free_drop) char *head = NULL;

	if (count == 0)
		return realpath("/", NULL);
	head = strndup(path, head_len(path, count));
	return head != NULL ? realpath(head, NULL) : NULL;
}

enum capsule_status path_canonical(char **out, const char *path, struct capsule_error *err)
{
	HOLD(buffer_fini) struct buffer text = { 0 };
	HOLD(free_drop) char *real = NULL;
	struct span rest = span_text(path), component;
	size_t exist = 0, missing = 1; /* so many components resolve, so many do not */

	if (path[0] != '/')
		return error_set(err, CAPSULE_EINVAL, "`%.256s` is no absolute path", path);
	while (path_next(&rest, &component))
		missing++;
	real = head_real(path, 0);
	while (real != NULL && missing - exist > 1) { /* what resolves does so up to a point */
		size_t middle = exist + (missing - exist) / 2;
		char *longer = head_real(path, middle);

		if (longer == NULL && errno == ENOMEM)
			return error_set(err, CAPSULE_ENOMEM, "no memory for a path");
		if (longer != NULL) {
			free(real);
			real = longer;
		}
		*(longer != NULL ? &exist : &missing) = middle;
	}
	if (real == NULL)
		return error_set(err, CAPSULE_ENOMEM, "no memory for a path");
	rest = span_text(path + (exist > 0 ? head_len(path, exist) : 0));
	if (path_has_dots(rest))
		return error_set(err, CAPSULE_EINVAL, "`%.256s` has `..` where nothing exists", path);
	(void)buffer_append_text(&text, strcmp(real, "/") == 0 ? "" : real);
	while (path_next(&rest, &component))
		(void)(buffer_append_byte(&text, '/') && buffer_append_span(&text, component));
	if (text.len == 0)
		(void)buffer_append_byte(&text, '/');
	*out = buffer_steal(&text);
	return *out != NULL ? CAPSULE_OK : error_set(err, CAPSULE_ENOMEM, "no memory for a path");
}
