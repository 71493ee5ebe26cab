/* SPDX-License-Identifier: ISC */
/*
 * Talks on after it has forbidden itself all but its own system calls:
 * t18_seccomp HOW ADDRESS PORT SECONDS.
 *
 * msg: it uses sendmsg(2) and recvmsg(2); to: sendto(2) and recvfrom(2), and
 * has the others allowed, too; threads: two of them, and futex(2); exact: only
 * the very calls that it makes.  Any other kills it.  Prints lost N said N.
 */
#include "t.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

static const char *how;
static int sock;
static uint64_t end_ms;
static _Atomic unsigned lost, said;

static bool
is(const char *name)
{
	return strcmp(how, name) == 0;
}

/* Those that every one makes, those for datagrams, and those of threads. */
static const int always[] = { SYS_write, SYS_exit_group, SYS_poll,
	SYS_clock_gettime, SYS_clock_nanosleep, SYS_rt_sigreturn };
static const int sending[] = { SYS_sendto, SYS_recvfrom };
static const int messages[] = { SYS_sendmsg, SYS_recvmsg, SYS_sendmmsg,
	SYS_recvmmsg, SYS_read, SYS_close };
static const int threads[] = { SYS_futex, SYS_munmap, SYS_mmap, SYS_madvise,
	SYS_exit, SYS_rt_sigprocmask, SYS_mprotect, SYS_clone3, SYS_clone,
	SYS_set_robust_list, SYS_rseq };

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
	add(BPF_RET | BPF_K, 0, 0, SECCOMP_RET_KILL_PROCESS);
	prog.len = len;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		SECCOMP_FILTER_FLAG_TSYNC, &prog) != 0)
		err(1, "seccomp");
}

static void
exchange(uint32_t who, uint32_t seq)
{
	struct t_msg m;
	struct iovec iov = { &m, sizeof(m) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct pollfd p = { .fd = sock, .events = POLLIN };
	ssize_t n;

	t_fill(&m, who, seq);
	n = is("msg") ? sendmsg(sock, &msg, 0) :
			send(sock, &m, sizeof(m), 0);
	if (n != sizeof(m))
		err(1, "send");
	said++;
	while (poll(&p, 1, T_WAIT_MS) > 0) {
		n = is("msg") ? recvmsg(sock, &msg, MSG_DONTWAIT) :
				recv(sock, &m, sizeof(m), MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN) /* the other thread's */
			continue;
		if (!t_good(&m, n))
			errx(1, "heard %zd octets", n);
		if (is("threads") || (m.who == who && m.seq == seq))
			return;
	}
	lost++;
}

static void *
talk(void *number)
{
	uint32_t seq;

	for (seq = 0; t_now_ms() < end_ms; seq++)
		exchange((uint32_t)(uintptr_t)number, seq);
	return NULL;
}

int
main(int argc, char **argv)
{
	pthread_t other;
	char text[64];
	uint32_t who;
	int n;

	if (argc != 5)
		errx(2, "usage: t18_seccomp HOW ADDRESS PORT SECONDS");
	how = argv[1];
	sock = t_open(argv[2], argv[3]);
	lost = t_talk(sock, t_who(0), 0, 1);
	end_ms = t_now_ms() + (uint64_t)atoi(argv[4]) * 1000;
	if (is("threads"))
		pthread_create(&other, NULL, talk, (void *)(uintptr_t)t_who(1));
	who = t_who(2);
	forbid();
	talk((void *)(uintptr_t)who);
	if (is("threads"))
		pthread_join(other, NULL);
	/* dprintf(3) asks for the status of the file. */
	n = snprintf(text, sizeof(text), "lost %u said %u\n", lost, said);
	_exit(write(1, text, (size_t)n) != n);
}
