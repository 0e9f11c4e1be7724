/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Intrusive doubly linked list. A node that is in no list points to itself, so removing it twice is harmless. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list_node {
	struct list_node *next, *prev;
};

#define LIST_ENTRY(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

#define LIST_EACH(node, head) for (struct list_node *node = (head)->next; node != (head); node = node->next)

/* As LIST_EACH; the body may remove `node` (and no other). */
#define LIST_EACH_SAFE(node, head)                                                                                     \
	for (struct list_node *node = (head)->next, *node##_next = node->next; node != (head);                         \
		node = node##_next, node##_next = node->next)

static inline void list_init(struct list_node *head)
{
	head->next = head;
	head->prev = head;
}

static inline bool list_empty(const struct list_node *head)
{
	return head->next == head;
}

static inline void list_append(struct list_node *head, struct list_node *node)
{
	node->prev = head->prev;
	node->next = head;
	head->prev->next = node;
	head->prev = node;
}

static inline void list_remove(struct list_node *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}

/* Unlink and return the first node, NULL when the list is empty. */
static inline struct list_node *list_take_first(struct list_node *head)
{
	struct list_node *node = head->next;

	if (node == head)
		return NULL;
	list_remove(node);
	return node;
}

#endif
