/* SPDX-License-Identifier: ISC */
/*
 * Talks on under a seccomp filter that kills it for any call but those listed:
 * seccomp_talk HOW ADDRESS PORT SECONDS.
 *
 *	msg	sends by sendmsg(2), receives by recvmsg(2)
 *	to	by send(3) and recv(3), which are sendto(2) and recvfrom(2);
 *		the calls of msg are allowed, too
 *	exact	the same; only the calls that the program makes are allowed
 *	threads	two threads; the calls of threads are allowed, too
 *	new	the program becomes nobody and makes a new socket for each
 *		datagram; few socket options are allowed
 *
 * Prints lost N said N, in datagrams.
 */
#include "prog.h"

#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

static const char *how, *host, *port;
static int sock;
static uint64_t end_ms;
static _Atomic unsigned lost, said;

static bool
is(const char *name)
{
	return strcmp(how, name) == 0;
}

/* The calls of every HOW; those of datagrams, in two groups; of threads. */
static const int always[] = { SYS_write, SYS_exit_group, SYS_poll,
	SYS_clock_gettime, SYS_clock_nanosleep, SYS_rt_sigreturn };
static const int sending[] = { SYS_sendto, SYS_recvfrom };
static const int messages[] = { SYS_sendmsg, SYS_recvmsg, SYS_sendmmsg,
	SYS_recvmmsg, SYS_read, SYS_close };
static const int threads[] = { SYS_futex, SYS_munmap, SYS_mmap, SYS_madvise,
	SYS_exit, SYS_rt_sigprocmask, SYS_mprotect, SYS_clone3, SYS_clone,
	SYS_set_robust_list, SYS_rseq };

static const int making[] = { SYS_socket, SYS_connect, SYS_bind, SYS_close,
	SYS_getsockname, SYS_getsockopt, SYS_mmap, SYS_munmap };
static const int options[][2] = { { SOL_SOCKET, SO_REUSEADDR },
	{ SOL_SOCKET, SO_REUSEPORT }, { IPPROTO_IPV6, IPV6_V6ONLY } };

static struct sock_filter code[100];
static unsigned short len;

static void
add(unsigned short op, uint8_t jt, uint8_t jf, uint32_t k)
{
	code[len++] = (struct sock_filter){ op, jt, jf, k };
}

static void
allow(const int *numbers, size_t n)
{
	while (n-- > 0) {
		add(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, (uint32_t)numbers[n]);
		add(BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW);
	}
}

/* Compares level and name: the low 32 bits (little endian) of arguments. */
static void
allow_options(void)
{
	enum { LEVEL = offsetof(struct seccomp_data, args) + 8,
		NAME = LEVEL + 8 };
	size_t i, n = sizeof(options) / sizeof(*options);

	add(BPF_JMP | BPF_JEQ | BPF_K, 0, (uint8_t)(5 * n), SYS_setsockopt);
	for (i = 0; i < n; i++) {
		add(BPF_LD | BPF_W | BPF_ABS, 0, 0, LEVEL);
		add(BPF_JMP | BPF_JEQ | BPF_K, 0, 3, (uint32_t)options[i][0]);
		add(BPF_LD | BPF_W | BPF_ABS, 0, 0, NAME);
		add(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, (uint32_t)options[i][1]);
		add(BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW);
	}
}

static void
become_nobody(void)
{
	if (setgroups(0, NULL) != 0 || setresgid(65534, 65534, 65534) != 0 ||
	    setresuid(65534, 65534, 65534) != 0)
		err(1, "cannot become nobody");
}

static void
forbid(void)
{
	struct sock_fprog prog = { .filter = code };

	add(BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr));
	allow(always, sizeof(always) / sizeof(*always));
	if (!is("msg"))
		allow(sending, sizeof(sending) / sizeof(*sending));
	if (!is("exact"))
		allow(messages, sizeof(messages) / sizeof(*messages));
	if (is("threads"))
		allow(threads, sizeof(threads) / sizeof(*threads));
	if (is("new")) {
		become_nobody();
		allow(making, sizeof(making) / sizeof(*making));
		allow_options();
	}
	add(BPF_RET | BPF_K, 0, 0, SECCOMP_RET_KILL_PROCESS);
	prog.len = len;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		SECCOMP_FILTER_FLAG_TSYNC, &prog) != 0)
		err(1, "seccomp");
}

static void
exchange(uint32_t sender, uint32_t seq)
{
	struct prog_msg m;
	struct iovec iov = { &m, sizeof(m) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct pollfd p = { .fd = sock, .events = POLLIN };
	ssize_t n;

	prog_fill(&m, sender, seq);
	n = is("msg") ? sendmsg(sock, &msg, 0) :
			send(sock, &m, sizeof(m), 0);
	if (n != sizeof(m))
		err(1, "send");
	said++;
	while (poll(&p, 1, PROG_WAIT_MS) > 0) {
		n = is("msg") ? recvmsg(sock, &msg, MSG_DONTWAIT) :
				recv(sock, &m, sizeof(m), MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN) /* the other thread received it */
			continue;
		if (!prog_good(&m, n))
			errx(1, "heard %zd octets", n);
		if (is("threads") || (m.sender == sender && m.seq == seq))
			return;
	}
	lost++;
}

static void *
talk(void *number)
{
	uint32_t seq;

	for (seq = 0; prog_now_ms() < end_ms; seq++) {
		if (is("new")) {
			close(sock);
			sock = prog_open(host, port);
		}
		exchange((uint32_t)(uintptr_t)number, seq);
	}
	return NULL;
}

int
main(int argc, char **argv)
{
	pthread_t other;
	char text[64];
	uint32_t sender;
	int n;

	if (argc != 5)
		errx(2, "usage: seccomp_talk HOW ADDRESS PORT SECONDS");
	how = argv[1], host = argv[2], port = argv[3];
	sock = prog_open(host, port);
	lost = prog_talk(sock, prog_sender(0), 0, 1);
	end_ms = prog_now_ms() + (uint64_t)atoi(argv[4]) * 1000;
	if (is("threads"))
		pthread_create(&other, NULL, talk,
		    (void *)(uintptr_t)prog_sender(1));
	sender = prog_sender(2);
	forbid();
	talk((void *)(uintptr_t)sender);
	if (is("threads"))
		pthread_join(other, NULL);
	/* Not by printf(3): stdio calls fstat(2), which is forbidden. */
	n = snprintf(text, sizeof(text), "lost %u said %u\n", lost, said);
	_exit(write(1, text, (size_t)n) != n);
}
