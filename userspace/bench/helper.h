/* SPDX-License-Identifier: MIT */
/*
 * helper.h - a second thread on another processor, for cases that need two at a time.
 *
 * For: cases that time two submitters, or probe while another works. Between jobs it sleeps.
 */
#ifndef MMB_HELPER_H
#define MMB_HELPER_H

struct mmb_session;
struct mmb_helper;

/** mmb_helper_start() - NULL: there is one processor only, or no thread was to be had. */
struct mmb_helper *mmb_helper_start(const struct mmb_session *s);

/** mmb_helper_do() - have it call fn(arg); returns at once. One job at a time. */
void mmb_helper_do(struct mmb_helper *h, void (*fn)(void *arg), void *arg);

/** mmb_helper_wait() - until the job is over. */
void mmb_helper_wait(struct mmb_helper *h);

/** mmb_helper_stop() - ends the thread. NULL is allowed. */
void mmb_helper_stop(struct mmb_helper *h);

#endif /* MMB_HELPER_H */
