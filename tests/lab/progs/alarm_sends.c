/* SPDX-License-Identifier: ISC */
/*
 * A signal handler uses the socket that it interrupts: alarm_sends HOW ADDRESS
 * PORT SECONDS.
 *
 * send: it sends at 5 kHz, and so does the rest; recv: it receives, too; jump:
 * it leaves by siglongjmp(3) now and then; stack: it runs on a stack of its
 * own, and leaves so; fork: it forks, and the child sends and ends; return: it
 * forks, and the child goes on for a while where it was interrupted.  Prints
 * said N (by the handler N) heard N lost N stuck N: how much of the talk
 * afterwards was lost, and how many half seconds passed without any progress.
 */
#include "prog.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>

enum { MAIN = 0x100, HANDLER = 0x200, CHILD = 0x400, AFTER = 0x300,
	FORKS = 1000 };

static const char *how;
static int sock;
static volatile unsigned said, by_handler, heard, fires, children;
static sigjmp_buf back;
static volatile sig_atomic_t jumps, left;

static bool
is(const char *name)
{
	return strcmp(how, name) == 0;
}

/* A number is used up only by what went out: a jump may come in between. */
static void
say(uint32_t who, volatile unsigned *seq)
{
	uint32_t n = (*seq)++;

	if (!prog_say(sock, who, n) && errno != EAGAIN && errno != EINTR &&
	    errno != ENOBUFS) {
		perror("alarm_sends: send");
		_exit(1);
	}
}

static void
hear(void)
{
	struct prog_msg m;
	ssize_t n;

	while ((n = recv(sock, &m, sizeof(m), MSG_DONTWAIT)) >= 0) {
		if (!prog_good(&m, n)) {
			fprintf(stderr, "alarm_sends: heard %zd octets\n", n);
			_exit(1);
		}
		heard++;
	}
}

static void
fork_and_say(void)
{
	unsigned seq = 0, i;
	pid_t pid;

	if (children >= 200)
		return;
	pid = fork();
	if (pid != 0) {
		children += pid > 0;
		return;
	}
	for (i = 0; i < 5; i++)
		say(prog_who(CHILD + children), &seq);
	_exit(0);
}

/* Parent and child both go on where they were interrupted. */
static void
fork_and_return(void)
{
	pid_t pid;

	if (children >= FORKS || left > 0)
		return;
	pid = fork();
	children += pid > 0;
	if (pid == 0)
		left = 20; /* and then no more */
}

static void
on_alarm(int sig)
{
	int saved = errno;

	(void)sig;
	fires++;
	say(prog_who(HANDLER), &by_handler);
	if (is("recv"))
		hear();
	if (is("fork") && fires % 100 == 0)
		fork_and_say();
	if (is("return") && fires % 10 == 0)
		fork_and_return();
	errno = saved;
	if ((is("jump") || is("stack")) && fires % 7 == 0 && jumps)
		siglongjmp(back, 1);
}

/* Ends the program with a word when it does no more. */
static void *
watch(void *unused)
{
	unsigned was = 0, same = 0;
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	for (;;) {
		usleep(500000);
		same = was == said + by_handler ? same + 1 : 0;
		was = said + by_handler;
		if (same == 20) {
			fprintf(stderr, "alarm_sends: stuck for 10 s\n");
			_exit(3);
		}
	}
	return unused;
}

static void
alarms(long us)
{
	struct itimerval often = { .it_interval = { 0, us },
		.it_value = { 0, us } };

	setitimer(ITIMER_REAL, &often, NULL);
}

static void
begin(void)
{
	struct sigaction act = { .sa_handler = on_alarm,
		.sa_flags = SA_RESTART };
	static stack_t ss;
	pthread_t t;

	if (is("stack")) {
		ss.ss_sp = malloc(65536);
		ss.ss_size = 65536;
		sigaltstack(&ss, NULL);
		act.sa_flags |= SA_ONSTACK;
	}
	if (is("fork") || is("return")) /* no zombies */
		signal(SIGCHLD, SIG_IGN);
	sigaction(SIGALRM, &act, NULL);
	pthread_create(&t, NULL, watch, NULL);
	alarms(200);
}

int
main(int argc, char **argv)
{
	volatile uint64_t end;
	unsigned lost;

	if (argc != 5)
		errx(2, "usage: alarm_sends HOW ADDRESS PORT SECONDS");
	how = argv[1];
	sock = prog_open(argv[2], argv[3]);
	lost = prog_talk(sock, prog_who(AFTER), 0, 3);
	begin();
	end = prog_now_ms() + (uint64_t)atoi(argv[4]) * 1000;
	while (prog_now_ms() < end) {
		if (sigsetjmp(back, 1) == 0)
			jumps = 1;
		say(prog_who(MAIN), &said);
		hear();
		jumps = 0;
		if (left > 0 && --left == 0)
			_exit(0);
		usleep(100);
	}
	if (left > 0) /* a child that came late */
		_exit(0);
	alarms(0);
	sleep(1);
	lost += prog_talk(sock, prog_who(AFTER), 3, 20);
	hear();
	printf("said %u handler %u children %u heard %u lost %u\n", said,
	    by_handler, children, heard, lost);
	return 0;
}
