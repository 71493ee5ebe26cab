/* SPDX-License-Identifier: ISC */
/*
 * What the programs of this directory share.  Each of them tries one fact
 * about the Linux kernel that mpshim rests on; doc/design.md lists them.
 *
 * A fact is tried in one or more ways: for sockets of IPv4, of IPv6, and of
 * both with IPv4 addresses in them (mapped), or once (all).  Each way runs in a
 * process of its own, in network namespaces that this process makes, for at
 * most FACT_SECONDS, and prints one line:
 *
 *	ok K7 ipv6: what holds
 *	FAIL K7 ipv4: what was expected; what was seen; what of mpshim breaks
 *	skip K7 ipv4: why it could not be tried
 *
 * The program ends with 1 if a line says FAIL, else with 0.
 */
#ifndef FACT_H
#define FACT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum {
	FACT_SECONDS = 20,
	PORT = 7000,  /* ports are free in a new namespace */
	WAIT_MS = 2000, /* for a datagram that must arrive */
	NOBODY = 65534, /* another user */
	QUIET_MS = 50,	/* for one that must not; a link takes microseconds */
};

/* The ways in which a fact is tried, as bits. */
enum { IPV4 = 1, IPV6 = 2, MAPPED = 4, ALL = 8 };

struct way {
	unsigned bit;
	const char *name;
	int domain; /* of the sockets */
	bool v4;    /* the packets are IPv4's */
};

struct fact {
	const char *number;
	const char *holds;  /* the fact, in a line */
	const char *breaks; /* of mpshim, where it does not hold */
	unsigned ways;
	bool net;  /* wants a network namespace, with lo up */
	void (*run)(const struct way *);
};
/* To be returned from main(). */
int fact_main(const struct fact *);

/* Ends the way with FAIL unless it holds; the rest says what was seen. */
void claim(bool holds, const char *expected, const char *seen, ...)
    __attribute__((format(printf, 3, 4)));
/* Ends the way: with FAIL, since a step of the trial itself failed; or with
 * skip, since this kernel or this user cannot try it. */
void broken(const char *what, ...)
    __attribute__((format(printf, 1, 2), noreturn));
void skip(const char *why, ...) __attribute__((format(printf, 1, 2), noreturn));
/* "ENETUNREACH (Network is unreachable)" of a negative errno; "no error". */
const char *said(int error);

/* --- Hosts and links ------------------------------------------------------ */

/*
 * `n' veth pairs to a second namespace, both ends up.  Link i is v<i> here
 * with 10.9.<i>.1/24 and fd09:<i>::1/64, and w<i> there with 10.9.<i>.2 and
 * fd09:<i>::2.  Neighbours are known.
 */
void links(int n);
void here(void);  /* the process is in the first namespace; the usual state */
void there(void); /* in the second one */
/* Lines for `ip -batch': does the command succeed? */
bool try_ip(const char *lines, ...) __attribute__((format(printf, 1, 2)));
void ip(const char *lines, ...) __attribute__((format(printf, 1, 2)));
/* Gives an interface one more IPv6 address, and waits until that works. */
void add_ipv6(const char *address, const char *interface);
/* As try_ip(), of any command, run by the shell. */
bool try_command(const char *command);
unsigned index_of(const char *interface);
/* Gives all capabilities up, for facts that hold for everybody. */
void powerless(void);
/* To be called in a child that waits for a signal, or a trial that failed would
 * leave it behind. */
void end_with_parent(void);
/* Is the process root outside, so that it may become NOBODY? */
bool is_root(void);

/* --- Sockets -------------------------------------------------------------- */

/* An address and port with the family of a socket. */
struct name {
	union {
		struct sockaddr sa;
		struct sockaddr_in sin;
		struct sockaddr_in6 sin6;
	};
	socklen_t len;
};
struct name at_any(const struct way *, int port);
struct name at_lo(const struct way *, int port); /* 127.0.0.1 or ::1 */
/* An address of a link: `host' is 1 here, 2 there, or another one. */
struct name at(const struct way *, int link, int host, int port);
/* Is it that address, whatever the port? */
bool same_address(const struct name *, const struct name *);

int sock(const struct way *); /* not bound; of IPv6: open for IPv4 */
int sock_at(const struct way *, const struct name *); /* bound */
int bind_to(int fd, const struct name *);    /* 0, or a negative errno */
int connect_to(int fd, const struct name *); /* the same */
struct name name_of(int fd);
void set(int fd, int level, int option, int value);
int get(int fd, int level, int option);
uint64_t cookie_of(int fd); /* SO_COOKIE */

/* Sends text: 0, or a negative errno. */
int put(int fd, const struct name *to, const char *text);
/* The same with an address and interface to send from, in a control message;
 * NULL and 0 are none. */
int put_from(const struct way *, int fd, const struct name *to, const char *text,
    const struct name *from, unsigned ifindex);
/* Sends `len' bytes in segments of `size' (UDP_SEGMENT), without waiting: 0, or
 * a negative errno. */
int put_segments(int fd, const struct name *to, const void *text, size_t len,
    uint16_t size);
bool readable(int fd, int ms);
/* Takes a datagram that must arrive, as text; `from' may be NULL. */
const char *take(int fd, struct name *from);
/* The same of a socket with PKTINFO: the interface that it arrived by, and
 * through `to' the address that it was sent to; `to' may be NULL. */
unsigned take_by(const struct way *, int fd, struct name *to);
void want_pktinfo(const struct way *, int fd);
/* Does such a datagram arrive? */
bool arrives(int fd, const char *text);
/* Does none? */
bool quiet(int fd);

/* Attaches a BPF program: 0, or a negative errno. */
struct sock_filter;
int attach(int fd, int option, const struct sock_filter *, size_t n);
#define ATTACH(fd, option, ...)                                                \
	attach((fd), (option), (const struct sock_filter[]) { __VA_ARGS__ },   \
	    sizeof((const struct sock_filter[]) { __VA_ARGS__ }) /            \
		sizeof(struct sock_filter))

#endif
