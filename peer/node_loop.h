/* Part of peer.h: a node in somebody else's event loop, and the application's timers and descriptors in
 * the node's own.
 *
 * In a foreign loop (poll, libuv, GLib) the four steps of a turn are
 *
 *     1. at = weir_node_deadline(node)     after all calls on the node, as the last thing before sleeping
 *     2. sleep until weir_node_fd(node) is readable, or until `at`
 *     3. weir_node_wait(node, 0)           both when the descriptor woke it and when the time did
 *     4. weir_node_event until it is false
 *
 * What holds:
 *   - What a call queues (a message, an answer, a close) leaves with the next wait: the deadline is then 0,
 *     "now", whether the descriptor ever becomes readable or not. A node wants one wait to begin: likewise.
 *   - No wake-up is lost: what arrives between 3 and 2 makes the descriptor readable, on io_uring and on
 *     epoll; so do weir_node_wake, from any thread, and datagrams that another shard hands over.
 *   - Nothing spins: once what there was is taken and sent, the descriptor is not readable and the deadline
 *     lies ahead. Round the deadline up to the loop's unit (weir_node_timeout does), or the last part of a
 *     millisecond is spent in turns that do nothing.
 *   - Step 4 matters: while events wait the deadline is "now".
 *
 * A wait with time to spare makes one ephemeral key ahead when there is nothing else to do, so that a
 * handshake does not wait for it; a wait until 0 never does. A loop with an idle handler may call
 * weir_node_wait(node, weir_node_now(node) + 2 * WEIR_MS) there, which returns after one key, or sleeps so
 * long.
 *
 * The other way round, for a small HTTP client or an audio device: their timers and descriptors in the
 * node's loop. Left out: priorities, periodic timers (set it again), signals (signalfd), threads
 * (weir_node_wake).
 */
#ifndef WEIR_PEER_NODE_LOOP_H
#define WEIR_PEER_NODE_LOOP_H

#include "core/base.h"

struct weir_node;

/* A descriptor that polls readable, level-triggered, when a wait would do something at once. It belongs to
 * the node and stays the same until the node closes. From the node's thread; -1: none is to be had. */
WEIR_API int weir_node_fd(const struct weir_node *n);
/* When the next wait is needed at the latest, on the clock of weir_pump_clock (CLOCK_MONOTONIC in
 * microseconds); 0 or any time that has passed: now. WEIR_NEVER: not before the descriptor is readable. */
WEIR_API weir_time weir_node_deadline(const struct weir_node *n);
/* The same as poll(2) and its like want it: milliseconds from now, rounded up, 0 = now, -1 = never. */
WEIR_API int weir_node_timeout(const struct weir_node *n);

/* Set one of config.timers_max timers, or move it: WEIR_EVENT_TIMER with its id comes once, after a wait
 * that returned at `at` or later, never early and, where the loop waits, at most 0.1 ms late. WEIR_NEVER
 * turns it off. A time that has passed is told by the next wait, not among the events of this one.
 * WEIR_ERR_ARG: there is no timer of that number. */
WEIR_MUST_CHECK WEIR_API enum weir_status weir_node_timer_set(struct weir_node *n, uint32_t id,
                                                              weir_time at);

/* Watch a descriptor of the application's beside packets: `events` are bits of enum weir_pump_ready; 0 = no
 * longer, before it is closed. WEIR_EVENT_DESCRIPTOR, with it as `id` and with `ready`, comes after each
 * wait that finds it ready: read or write until it would block, or it comes again. At most sixteen of one
 * wait; others come with the next. The kernel sets how many there may be. Results as weir_pump_watch. */
WEIR_MUST_CHECK WEIR_API enum weir_status weir_node_watch(struct weir_node *n, int fd, uint8_t events);

#endif
