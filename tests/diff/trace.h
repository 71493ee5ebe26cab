/* SPDX-License-Identifier: ISC */
/*
 * The canonical trace: one line for each call, the same in every run in which
 * the call behaves the same.
 *
 *	CALL("send", send(fd, "x", 1, 0));
 *	say_bytes(buf, trace_ret);
 *
 * A line begins with topic/label/kind and the call's result and errno; say()
 * and the like append to it until the next CALL.  A call that raises a signal
 * or lasts longer than TRACE_PATIENCE is left, and its line says so.
 */
#ifndef TRACE_H
#define TRACE_H

#include <errno.h>
#include <setjmp.h>
#include <stddef.h>
#include <sys/socket.h>

enum {
	TRACE_ERRNO = 4242, /* errno before a call; no error has this number */
	TRACE_PATIENCE = 8, /* seconds that a call may last */
	TRACE_FILL = 0xa5,  /* what buffers are filled with before a call */
};

extern long trace_ret; /* what the last call returned */
extern sigjmp_buf trace_jump;

void trace_open(const char *topic, const char *kind);
void trace_close(void);
/* Begins a new scene, in which the ports of the kernel count from PORT1. */
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
/* Says the number of bytes and the bytes or their hash; nothing if n < 0. */
void say_bytes(const void *, long n);

/* A socket's name with its length, which calls read and write; `room' is the
 * length before the call. */
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

/* A message to receive into; message_fresh() fills all of its buffers. */
struct message {
	struct msghdr hdr;
	struct iovec iov;
	struct name name;
	char data[2048];
	char control[512];
};
struct msghdr *message_fresh(struct message *, size_t data, size_t control);
/* Says payload, name, flags and control messages of n bytes received. */
void say_message(const struct message *, long n);
/* Says flags and control messages of a header. */
void say_header(const struct msghdr *);

/* Returns its argument, which the compiler then cannot warn of. */
void *wrong(const void *);
int wrong_number(int);

#endif
