/* SPDX-License-Identifier: ISC */
/*
 * Two hosts with two links:
 *
 *	A  10.77.1.1 ---- link 1 ---- 10.77.1.2  B
 *	   10.77.2.1 ---- link 2 ---- 10.77.2.2
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../keys.h"
#include "player.h"
#include "agent/keyfile.h"

static char directory[64], key[LAB_HOSTS][96];
static int netns[LAB_HOSTS] = { -1, -1 };
static int number; /* of runtime directories made */
static pid_t maker; /* names of namespaces carry its id */

static int
command(const char *format, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	return system(line);
}

void
lab_ip(int host, const char *format, ...)
{
	char line[256];
	va_list ap;

	va_start(ap, format);
	vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	if (command("ip -n mpt%d%c %s", (int)maker, 'a' + host, line) != 0)
		fprintf(stderr, "lab: ip %s failed\n", line);
}

/* Gives a link its first addresses and state, whatever a failed test has
 * left. */
static void
mend_link(int link)
{
	int host;

	for (host = 0; host < LAB_HOSTS; host++) {
		lab_ip(host, "addr replace 10.77.%d.%d/24 dev l%d", link,
		    host + 1, link);
		lab_ip(host, "link set l%d up", link);
	}
}

static void
make_link(int link)
{
	command("ip -n mpt%da link add l%d type veth peer name l%d netns "
	    "mpt%db", (int)maker, link, link, (int)maker);
	mend_link(link);
}

bool
lab_begin(void)
{
	char path[64];
	int host;

	if (geteuid() != 0) {
		fputs("skipped: needs root for its network namespaces\n",
		    stderr);
		return false;
	}
	maker = getpid();
	for (host = 0; host < LAB_HOSTS; host++) {
		if (command("ip netns add mpt%d%c", (int)maker,
			'a' + host) != 0) {
			fputs("skipped: no network namespaces here\n", stderr);
			return false;
		}
		snprintf(path, sizeof(path), "/run/netns/mpt%d%c", (int)maker,
		    'a' + host);
		netns[host] = open(path, O_RDONLY | O_CLOEXEC);
		lab_ip(host, "link set lo up");
	}
	make_link(1);
	make_link(2);
	return true;
}

void
lab_end(void)
{
	int host;

	if (maker == 0)
		return;
	for (host = 0; host < LAB_HOSTS; host++)
		command("ip netns del mpt%d%c", (int)maker, 'a' + host);
	if (getenv("LAB_KEEP") == NULL)
		command("rm -rf /tmp/mpt%d.*", (int)maker);
}

void
lab_enter(int host)
{
	static int here = -1;

	if (host == here)
		return;
	if (setns(netns[host], CLONE_NEWNET) != 0) {
		perror("setns");
		abort();
	}
	here = host;
}

struct mp_addr
lab_addr(int host, int link, uint16_t port)
{
	struct mp_addr a = { .port = port };

	a.ip[10] = a.ip[11] = 0xff;
	a.ip[12] = 10;
	a.ip[13] = 77;
	a.ip[14] = (uint8_t)link;
	a.ip[15] = (uint8_t)(host + 1);
	return a;
}

void
lab_write(const char *path, mode_t mode, const char *format, ...)
{
	FILE *f = fopen(path, "w");
	va_list ap;

	if (f == NULL)
		abort();
	fchmod(fileno(f), mode);
	va_start(ap, format);
	vfprintf(f, format, ap);
	va_end(ap);
	fclose(f);
}

static void
write_key(int host)
{
	char path[128], text[KEYFILE_TEXT], psk[65];
	uint8_t seed[32];
	struct test_keys k;
	int i;

	for (i = 0; i < 32; i++)
		seed[i] = (uint8_t)(i * 7 + 1);
	test_keys_make(&k, seed);
	snprintf(key[host], sizeof(key[host]), "%s/%c/home", directory,
	    'a' + host);
	for (i = 0; i < 32; i++)
		snprintf(psk + 2 * i, 3, "%02x", k.psk[i]);
	snprintf(path, sizeof(path), "%s/%c/home.psk", directory, 'a' + host);
	lab_write(path, 0600, "# a psk of a test\n%s\n", psk);
	keyfile_secret_text(text, k.secret[host]);
	snprintf(path, sizeof(path), "%s/%c/identity", directory, 'a' + host);
	lab_write(path, 0600, "%s\n", text);
	keyfile_public_text(text, k.pub[!host]);
	snprintf(path, sizeof(path), "%s/%c/peers", directory, 'a' + host);
	lab_write(path, 0600, "# a peer of a test\nhome %s psk=home.psk\n",
	    text);
}

void
lab_fresh(void)
{
	char path[96];
	int host;

	snprintf(directory, sizeof(directory), "/tmp/mpt%d.%d.%d", (int)maker,
	    (int)getpid(), ++number);
	mkdir(directory, 0700);
	for (host = 0; host < LAB_HOSTS; host++) {
		snprintf(path, sizeof(path), "%s/%c", directory, 'a' + host);
		mkdir(path, 0700);
		write_key(host);
	}
	mend_link(1);
	mend_link(2);
	setenv("MPSHIM_RUNTIME_DIR", directory, 1);
	snprintf(path, sizeof(path), "%s/log", directory);
	setenv("MPSHIM_AGENT_LOG", path, 1);
}

const char *
lab_key(int host)
{
	return key[host];
}

const char *
lab_directory(void)
{
	return directory;
}

int
lab_agent(void)
{
	const char *agent = getenv("MPSHIM_AGENT");
	int status = command("%s", agent != NULL ? agent :
	    "build/mpshim-agent");

	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool
lab_port_free(uint16_t port)
{
	struct sockaddr_in6 name = { .sin6_family = AF_INET6,
		.sin6_port = htons(port) };
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool is_free = bind(fd, (struct sockaddr *)&name, sizeof(name)) == 0;

	close(fd);
	return is_free;
}

bool
lab_any_socket(void)
{
	struct sockaddr_in6 name = { .sin6_family = AF_INET6 };
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd >= 0 &&
	    bind(fd, (struct sockaddr *)&name, sizeof(name)) == 0;
}
