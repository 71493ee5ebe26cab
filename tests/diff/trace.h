/* SPDX-License-Identifier: ISC */
/*
 * The canonical trace: one line for each call, which is the same in every run
 * that behaves the same.
 *
 *	CALL("send", send(fd, "x", 1, 0));
 *	say_bytes(buf, trace_ret);
 *
 * A line begins with topic/label/kind and what the call returned; all that is
 * said until the next CALL stands behind it.  A call that raises a signal, or
 * lasts too long, is cut off and its line says so.
 */
#ifndef TRACE_H
#define TRACE_H

#include <errno.h>
#include <setjmp.h>
#include <stddef.h>
#include <sys/socket.h>

enum {
	TRACE_ERRNO = 4242, /* none of Linux: a success leaves it alone */
	TRACE_PATIENCE = 8, /* s that a call may last */
	TRACE_FILL = 0xa5,  /* buffers before a call */
};

extern long trace_ret; /* what the last call returned */
extern sigjmp_buf trace_jump;

void trace_open(const char *topic, const char *kind);
void trace_close(void);
/* The ports that the kernel chose are numbered anew: a new scene. */
void trace_scene(void);
void trace_arm(void);
void trace_done(const char *label, long ret, int signal);

#define CALL(label, expr)                                                     \
	do {                                                                  \
		int signal_ = sigsetjmp(trace_jump, 1);                       \
		if (signal_ == 0) {                                           \
			long ret_;                                            \
			trace_arm();                                          \
			errno = TRACE_ERRNO;                                  \
			ret_ = (long)(expr);                                  \
			trace_done(label, ret_, 0);                           \
		} else                                                        \
			trace_done(label, -1, signal_);                       \
	} while (0)

__attribute__((format(printf, 1, 2))) void say(const char *, ...);
/* How many bytes, and which; n may be negative: none. */
void say_bytes(const void *, long n);

/* A name as the kernel fills it: `len' goes in and comes out. */
struct name {
	union {
		struct sockaddr sa;
		struct sockaddr_storage ss;
		unsigned char byte[sizeof(struct sockaddr_storage)];
	};
	socklen_t len, room;
};
void name_fresh(struct name *, socklen_t room);
void say_name(const struct name *);
void say_sockaddr(const struct sockaddr *, size_t len);

/* A message to receive into, with fresh buffers. */
struct message {
	struct msghdr hdr;
	struct iovec iov;
	struct name name;
	char data[2048];
	char control[512];
};
struct msghdr *message_fresh(struct message *, size_t data, size_t control);
/* Data, flags, name and control messages of what came, if anything did. */
void say_message(const struct message *, long n);
/* The same of any header, without its data. */
void say_header(const struct msghdr *);

/* The same pointer or number, of which the compiler knows nothing. */
void *wrong(const void *);
int wrong_number(int);

#endif
