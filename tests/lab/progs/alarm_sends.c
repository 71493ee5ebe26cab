/* SPDX-License-Identifier: ISC */
/*
 * A signal handler uses the socket that main() uses at the same time:
 * alarm_sends HOW ADDRESS PORT SECONDS.  The handler runs at 5 kHz; HOW:
 *
 *	send	the handler sends
 *	recv	the handler sends and receives
 *	jump	the handler sends and sometimes leaves by siglongjmp(3)
 *	stack	the same, on an alternate signal stack
 *	fork	the handler forks; the child sends 5 datagrams and exits
 *	return	the handler forks; the child returns from it, goes on in main()
 *		for a while, and exits
 *
 * Prints said N handler N children N heard N lost N, all in datagrams but
 * children: those that main() sent, that the handler sent, that were received,
 * and that were lost of a talk before and after the signals.
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

/*
 * Sends the next number.  A jump of the handler may come between the increment
 * and the send; that number is then missing at the server.
 */
static void
say(uint32_t sender, volatile unsigned *seq)
{
	uint32_t n = (*seq)++;

	if (!prog_say(sock, sender, n) && errno != EAGAIN && errno != EINTR &&
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
		say(prog_sender(CHILD + children), &seq);
	_exit(0);
}

/* Forks; parent and child both return into what the signal interrupted. */
static void
fork_and_return(void)
{
	pid_t pid;

	if (children >= FORKS || left > 0)
		return;
	pid = fork();
	children += pid > 0;
	if (pid == 0)
		left = 20; /* turns of main() until the child exits */
}

static void
on_alarm(int sig)
{
	int saved = errno;

	(void)sig;
	fires++;
	say(prog_sender(HANDLER), &by_handler);
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

/* A thread that ends the program when nothing was sent for 10 s. */
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
	lost = prog_talk(sock, prog_sender(AFTER), 0, 3);
	begin();
	end = prog_now_ms() + (uint64_t)atoi(argv[4]) * 1000;
	while (prog_now_ms() < end) {
		if (sigsetjmp(back, 1) == 0)
			jumps = 1;
		say(prog_sender(MAIN), &said);
		hear();
		jumps = 0;
		if (left > 0 && --left == 0)
			_exit(0);
		usleep(100);
	}
	if (left > 0) /* a child of the last signal */
		_exit(0);
	alarms(0);
	sleep(1);
	lost += prog_talk(sock, prog_sender(AFTER), 3, 20);
	hear();
	printf("said %u handler %u children %u heard %u lost %u\n", said,
	    by_handler, children, heard, lost);
	return 0;
}
