/* SPDX-License-Identifier: ISC */
#include "fact.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OK, FAILED, SKIPPED };

static const struct way ways[] = {
	{ IPV4, "ipv4", AF_INET, true },
	{ IPV6, "ipv6", AF_INET6, false },
	{ MAPPED, "mapped", AF_INET6, true },
	{ ALL, "all", AF_INET6, false },
};

/* Of the way that is being tried. */
static const struct fact *fact;
static const struct way *way;
static int net_here = -1, net_there = -1;
static uid_t user;

/* --- What is said --------------------------------------------------------- */

static void
begin_line(const char *verdict)
{
	printf("%s %s %s: ", verdict, fact->number, way->name);
}

static int
end_line(int code)
{
	printf("\n");
	fflush(stdout);
	return code;
}

void
claim(bool holds, const char *expected, const char *seen, ...)
{
	va_list ap;

	if (holds)
		return;
	begin_line("FAIL");
	printf("expected: %s; seen: ", expected);
	va_start(ap, seen);
	vprintf(seen, ap);
	va_end(ap);
	printf("; so: %s", fact->breaks);
	_exit(end_line(FAILED));
}

void
broken(const char *what, ...)
{
	va_list ap;

	begin_line("FAIL");
	printf("cannot be tried: ");
	va_start(ap, what);
	vprintf(what, ap);
	va_end(ap);
	_exit(end_line(FAILED));
}

void
skip(const char *why, ...)
{
	va_list ap;

	begin_line("skip");
	va_start(ap, why);
	vprintf(why, ap);
	va_end(ap);
	_exit(end_line(SKIPPED));
}

const char *
said(int error)
{
	static char text[2][96];
	static int turn;
	char *to = text[turn ^= 1];

	if (error >= 0)
		return "no error";
	snprintf(to, sizeof(text[0]), "%s (%s)", strerrorname_np(-error),
	    strerror(-error));
	return to;
}

/* --- Namespaces ----------------------------------------------------------- */

static void
write_map(const char *path, const char *text, unsigned id)
{
	char line[64];
	int fd = open(path, O_WRONLY | O_CLOEXEC), n;

	n = snprintf(line, sizeof(line), text, id);
	if (fd < 0 || write(fd, line, (size_t)n) != n)
		broken("%s: %s", path, strerror(errno));
	close(fd);
}

static void
new_network(void)
{
	gid_t group = getegid();

	if (unshare(CLONE_NEWNET) == 0)
		return;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
		skip("no network namespace: %s (neither root, nor user "
		    "namespaces)", strerror(errno));
	write_map("/proc/self/setgroups", "deny", 0);
	write_map("/proc/self/uid_map", "0 %u 1", user);
	write_map("/proc/self/gid_map", "0 %u 1", group);
}

static int
this_network(void)
{
	int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		broken("/proc/self/ns/net: %s", strerror(errno));
	return fd;
}

void
here(void)
{
	if (setns(net_here, CLONE_NEWNET) != 0)
		broken("setns: %s", strerror(errno));
}

void
there(void)
{
	if (setns(net_there, CLONE_NEWNET) != 0)
		broken("setns: %s", strerror(errno));
}

static bool
run_ip(const char *lines, va_list ap)
{
	FILE *f;

	fflush(stdout);
	f = popen("ip -batch - >/dev/null", "w");
	if (f == NULL)
		return false;
	vfprintf(f, lines, ap);
	return pclose(f) == 0;
}

bool
try_ip(const char *lines, ...)
{
	va_list ap;
	bool done;

	va_start(ap, lines);
	done = run_ip(lines, ap);
	va_end(ap);
	return done;
}

void
ip(const char *lines, ...)
{
	va_list ap;

	va_start(ap, lines);
	if (!run_ip(lines, ap))
		broken("ip: %s", lines);
	va_end(ap);
}

bool
try_command(const char *command)
{
	fflush(stdout);
	return system(command) == 0;
}

unsigned
index_of(const char *interface)
{
	unsigned n = if_nametoindex(interface);

	if (n == 0)
		broken("%s: %s", interface, strerror(errno));
	return n;
}

/* Waits until the link is seen to carry. */
static void
wait_running(char end, int link)
{
	struct ifreq r = { .ifr_flags = 0 };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), i;

	(void)snprintf(r.ifr_name, sizeof(r.ifr_name), "%c%d", end, link);
	for (i = 0; i < WAIT_MS; i++) {
		if (ioctl(fd, SIOCGIFFLAGS, &r) == 0 &&
		    (r.ifr_flags & IFF_RUNNING) != 0) {
			close(fd);
			return;
		}
		poll(NULL, 0, 1);
	}
	broken("%c%d has no carrier", end, link);
}

/* An IPv6 address begins to work some time after the command. */
static void
wait_address(const char *address)
{
	struct sockaddr_in6 self = { .sin6_family = AF_INET6 };
	socklen_t len = sizeof(self);
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0), i;
	struct pollfd p = { .fd = fd, .events = POLLIN };

	(void)inet_pton(AF_INET6, address, &self.sin6_addr);
	if (fd < 0 || bind(fd, (struct sockaddr *)&self, len) != 0 ||
	    getsockname(fd, (struct sockaddr *)&self, &len) != 0)
		broken("%s: %s", address, strerror(errno));
	for (i = 0; i < WAIT_MS; i++) {
		(void)sendto(fd, "", 0, MSG_DONTWAIT, (struct sockaddr *)&self,
		    len);
		if (poll(&p, 1, 1) == 1) {
			close(fd);
			return;
		}
	}
	broken("%s does not work", address);
}

void
add_ipv6(const char *address, const char *interface)
{
	ip("addr add %s/128 dev %s nodad\n", address, interface);
	wait_address(address);
}

static void
wait_link(char end, int i, int host)
{
	char address[32];

	wait_running(end, i);
	(void)snprintf(address, sizeof(address), "fd09:%d::%d", i, host);
	if (way->bit != IPV4)
		wait_address(address);
}

static void
dress(char end, int i, int host)
{
	ip("link set %c%d up\n"
	    "addr add 10.9.%d.%d/24 dev %c%d\n"
	    "addr add fd09:%d::%d/64 dev %c%d nodad\n"
	    "neigh replace 10.9.%d.%d lladdr 02:00:00:00:%02x:%02x dev %c%d nud permanent\n"
	    "neigh replace fd09:%d::%d lladdr 02:00:00:00:%02x:%02x dev %c%d nud permanent\n",
	    end, i, i, host, end, i, i, host, end, i,
	    i, 3 - host, i, 3 - host, end, i,
	    i, 3 - host, i, 3 - host, end, i);
}

void
links(int n)
{
	int i;

	if (unshare(CLONE_NEWNET) != 0)
		broken("unshare: %s", strerror(errno));
	net_there = this_network();
	ip("link set lo up\n");
	here();
	for (i = 0; i < n; i++)
		if (!try_ip("link add v%d address 02:00:00:00:%02x:01 type veth "
		    "peer name w%d address 02:00:00:00:%02x:02 "
		    "netns /proc/%d/fd/%d\n", i, i, i, i, (int)getpid(),
		    net_there))
			skip("no veth pair can be made here");
	there();
	for (i = 0; i < n; i++)
		dress('w', i, 2);
	here();
	for (i = 0; i < n; i++)
		dress('v', i, 1);
	there();
	for (i = 0; i < n; i++)
		wait_link('w', i, 2);
	here();
	for (i = 0; i < n; i++)
		wait_link('v', i, 1);
	/* The kernel finishes its work on a link that got its carrier under a
	 * lock which this command takes as well: then that work is done. */
	ip("link set lo up\n");
}

void
powerless(void)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3];

	memset(none, 0, sizeof(none));
	if (syscall(SYS_capset, &head, none) != 0)
		broken("capset: %s", strerror(errno));
}

void
end_with_parent(void)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* Is there such a user in this user namespace? */
static bool
is_mapped(unsigned id)
{
	FILE *f = fopen("/proc/self/uid_map", "re");
	unsigned first, count;
	bool found = false;

	while (f != NULL && fscanf(f, "%u %*u %u", &first, &count) == 2)
		found |= id - first < count;
	if (f != NULL)
		(void)fclose(f);
	return found;
}

bool
is_root(void)
{
	return user == 0 && is_mapped(NOBODY);
}

/* --- Running -------------------------------------------------------------- */

static void
prepare(void)
{
	int fd;

	user = geteuid();
	alarm(FACT_SECONDS);
	if (fact->net) {
		new_network();
		net_here = this_network();
		ip("link set lo up\n");
	}
	if (way->bit == IPV4)
		return;
	fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		skip("no IPv6 sockets: %s", strerror(errno));
	close(fd);
}

static int
try_way(void)
{
	int status = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		prepare();
		fact->run(way);
		begin_line("ok");
		printf("%s", fact->holds);
		_exit(end_line(OK));
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		broken("fork: %s", strerror(errno));
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	begin_line("FAIL");
	printf("ended by signal %d (%s)", WTERMSIG(status),
	    strsignal(WTERMSIG(status)));
	return end_line(FAILED);
}

int
fact_main(const struct fact *f)
{
	bool failed = false;
	size_t i;

	fact = f;
	setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		way = &ways[i];
		if ((f->ways & way->bit) != 0)
			failed |= try_way() == FAILED;
	}
	return failed;
}
