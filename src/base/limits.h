/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Every limit in one place, with its unit and its reason. What an operator may change is an option elsewhere that
 * starts from the value here. */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

#include <assert.h>

#define KIB 1024u
#define MIB (1024u * KIB)

/* JSON */
#define LIMIT_JSON_DEPTH 128 /* levels; deeper text is an attack on recursive readers */

/* Manifest */
#define LIMIT_MANIFEST_BYTES (1u * MIB) /* largest Capsule.toml; real ones are under 20 KiB */
#define LIMIT_MANIFEST_ENTRIES 4096     /* entries of one array table or list */
#define LIMIT_MANIFEST_TEXT (64u * KIB) /* bytes of one string value */
#define LIMIT_MANIFEST_DIAGNOSTICS 64   /* problems reported in one run */
#define LIMIT_NAME 128                  /* bytes of a capsule, tool, command or action name */

/* Arguments of host functions, from the guest ABI */
#define LIMIT_PAYLOAD 10485760u /* bytes of one argument, tool call or stored value */
#define LIMIT_PATH 4096         /* bytes */
#define LIMIT_KEY 4096          /* bytes of a key-value key or a configuration key */
#define LIMIT_LOG_MESSAGE 65536 /* bytes */
#define LIMIT_LOG_LEVEL 64      /* bytes */

/* WASM */
#define LIMIT_WASM_PAGE (64u * KIB)
#define LIMIT_WASM_GUEST_PAGES 1024         /* 64 MiB of the guest's own memory */
#define LIMIT_WASM_KERNEL_PAGES 1024        /* 64 MiB of memory for what crosses the border */
#define LIMIT_WASM_KERNEL_PAGES_LEAST 16    /* with which kernel memory begins */
#define LIMIT_WASM_MODULE (64u * MIB)       /* bytes of a module file; compile time and memory grow with it */
#define LIMIT_COMPILE_INLINE (32u * KIB)    /* bytes of a module that is compiled on the pool and not by a child */
#define LIMIT_COMPILE_CPU_MS 60000          /* of a child that compiles one module */
#define LIMIT_COMPILE_BYTES (2048ull * MIB) /* its memory */
#define LIMIT_COMPILE_JOBS 8                /* such children at once, and no more than there are processors */
#define LIMIT_ARTEFACT (1024ull * MIB)      /* bytes of one compiled module */
#define LIMIT_CACHE (1024ull * MIB)         /* bytes of all that are kept */
#define LIMIT_WASM_TABLE_ELEMENTS 100000    /* of one table; tables are host memory that no memory limit counts */
#define LIMIT_WASM_TABLES 4                 /* of one store */
#define LIMIT_WASM_INSTANCES 4              /* of one store: guest, kernel, spare */
#define LIMIT_WASM_MEMORIES 2               /* of one store: guest, kernel */
#define LIMIT_WASM_STACK (512u * KIB)       /* of a guest's own frames */
#define LIMIT_FIBER_STACK (1u * MIB)        /* the whole stack; what guests leave is room for host functions */
#define LIMIT_KERNEL_BLOCKS (512u * KIB) /* blocks, live and freed, of one kernel memory; each costs host memory too */
#define LIMIT_EXTISM_VARS (1u * MIB)     /* keys, values and 48 bytes an entry */

static_assert(LIMIT_WASM_STACK <= LIMIT_FIBER_STACK / 2, "host functions need room below the deepest guest frame");

/* Calls */
#define LIMIT_CALL_CPU_MS 10000   /* guest CPU time of one tool, interceptor or hook call */
#define LIMIT_CALL_WALL_MS 600000 /* wall time of one such call */
#define LIMIT_CALL_QUEUE 1024     /* calls that wait for one capsule */
#define LIMIT_CALL_QUEUE_BYTES (64u * MIB)
#define LIMIT_OUTPUT (LIMIT_PAYLOAD * 4) /* bytes of one call's output */

/* Capsules */
#define LIMIT_CAPSULES 16384      /* of one discovery */
#define LIMIT_ORDER_EDGES 1048576 /* between the manifests that are ordered together; each is 32 bytes */
#define LIMIT_ORDER_STEPS                                                                                              \
	(1u << 25) /* comparisons while edges are looked for, half a second; only lists full of `*` come near */
#define LIMIT_REACH_STEPS (1u << 22) /* searches while patterns of events are compared, half a second; likewise */
#define LIMIT_UPLINKS 32             /* of one capsule, declared and registered at run time together */
#define LIMIT_UNLOAD_GRACE_MS 5000   /* that calls in flight may go on while their capsule is unloaded */
#define LIMIT_LOOP_STOP_MS 500       /* that a run loop may take to end by itself once its capsule is unloaded */
#define LIMIT_READY_MS 30000         /* that a capsule's run loop may take to become ready before dependents go on */

/* Files */
#define LIMIT_LINKS 40                      /* symbolic links on the way of one path, as the kernel's */
#define LIMIT_DIRECTORY_ENTRIES 65536       /* names of one listing */
#define LIMIT_OVERLAY_BYTES (1024ull * MIB) /* of all files in one overlay */
#define LIMIT_OVERLAY_ENTRIES 65536         /* files, folders and deletions in one overlay */
#define LIMIT_OVERLAY_NAMES (16u * MIB)     /* bytes of their paths, which are kept in memory */
#define LIMIT_OVERLAY_INDEX (256u * MIB)    /* bytes of an overlay's index file */
#define LIMIT_CONTENT_FILE (1u * MIB)       /* bytes of a context file, skill or command */
#define LIMIT_CONTENT_TOTAL (16u * MIB)     /* of all of one capsule */
#define LIMIT_FRONT_MATTER (16u * KIB)      /* bytes at the head of a skill */

/* Events */
#define LIMIT_TOPIC 256                         /* bytes of a topic or a pattern */
#define LIMIT_TOPIC_SEGMENTS 8                  /* of what guests publish and subscribe to */
#define LIMIT_PUBLISH (5u * MIB)                /* bytes of one payload */
#define LIMIT_PUBLISH_BYTES_PER_S (10ull * MIB) /* of one capsule, and as much at once */
#define LIMIT_PUBLISH_MESSAGES_PER_S                                                                                   \
	1000000ull /* likewise: far above what useful capsules do, so that a loop of two shows */
#define LIMIT_INBOX_MESSAGES 1024
#define LIMIT_INBOX_BYTES (16ull * MIB)
#define LIMIT_WAITING_PUBLICATIONS 1024 /* beyond full inboxes, of publishers that are no guests */
#define LIMIT_WAITING_BYTES (64u * MIB) /* of these */
#define LIMIT_SUBSCRIPTIONS 128         /* of one guest, those of its interceptors included */
#define LIMIT_LOOP_INTERCEPTORS 64      /* of a capsule with a run loop: each becomes a subscription */
#define LIMIT_DRAIN (10u * MIB)         /* bytes of payloads in one answer to a guest */
#define LIMIT_DRAIN_MESSAGES 4096       /* likewise */
#define LIMIT_RECV_MS 60000             /* that a guest may wait for a message */
#define LIMIT_CALLS_IN_PROGRESS 4       /* interceptors of one capsule that are called at once */
#define LIMIT_CHAIN_MS 10000            /* all interceptors that decide about one event */
#define LIMIT_HOOK_MS 10000             /* that a hook waits for its answers */
#define LIMIT_EVENT_HOPS 4096           /* events of which each was published while the one before was handled */
#define LIMIT_LAG_NOTICE_MS 10000       /* between two notices of lost events */
#define LIMIT_UPLINK_QUEUE 128          /* messages of one capsule's uplinks that wait to be published */

/* Servers of capsules */
#define LIMIT_MCP_IN_FLIGHT 64        /* calls that one server works at; more wait in order */
#define LIMIT_MCP_CALL_MS 60000       /* of a call without progress */
#define LIMIT_MCP_CALL_HARD_MS 600000 /* with progress */
#define LIMIT_MCP_INTERCEPTOR_MS 5000 /* of a call of an interceptor: an event waits for it */

/* Work handed to the pool when it is larger than this, since it may hold the loop for too long */
#define LIMIT_INLINE_WORK (64u * KIB)

#endif
