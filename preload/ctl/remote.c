/* SPDX-License-Identifier: ISC */
#include "remote.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "say.h"

bool
remote_ok(const char *to)
{
	static const char ok[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				 "abcdefghijklmnopqrstuvwxyz0123456789._-:@%";

	return to[0] != '-' && to[0] != '\0' && to[strspn(to, ok)] == '\0';
}

/* --- Running -------------------------------------------------------------- */

/* The child: a shell, so that `ssh' may have options. */
static _Noreturn void
remote_exec(const char *ssh, const char *const *words, int out, bool quiet)
{
	char line[1024];
	char *argv[8] = { "sh", "-c", line, "sh" };
	int i;

	snprintf(line, sizeof(line), "exec %s \"$@\"%s", ssh,
	    quiet ? " 2>/dev/null" : "");
	for (i = 0; words[i] != NULL && i < 3; i++)
		argv[4 + i] = (char *)(uintptr_t)words[i];
	argv[4 + i] = NULL;
	if (dup2(out, STDOUT_FILENO) >= 0)
		execv("/bin/sh", argv);
	_exit(127);
}

/* Reads until the end; what has no room is dropped. */
static void
remote_read(int fd, char out[REMOTE_TEXT])
{
	char more[512];
	size_t len = 0, some;
	ssize_t n;

	while ((n = read(fd, more, sizeof(more))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		some = (size_t)n;
		if (some > REMOTE_TEXT - 1 - len)
			some = REMOTE_TEXT - 1 - len;
		memcpy(out + len, more, some);
		len += some;
	}
	out[len] = '\0';
}

/* Runs a command with up to three words: did it succeed? */
static bool
remote_ask(const char *ssh, const char *const *words, bool quiet,
    char out[REMOTE_TEXT])
{
	int pipes[2], status = -1;
	pid_t child;

	out[0] = '\0';
	if (fflush(stdout) != 0 || pipe(pipes) != 0)
		return false;
	child = fork();
	if (child == 0)
		remote_exec(ssh, words, pipes[1], quiet);
	close(pipes[1]);
	if (child > 0)
		remote_read(pipes[0], out);
	close(pipes[0]);
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		continue;
	if (child < 0)
		say_line("%s", strerror(errno));
	return child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool
remote_run(const struct remote *r, const char *command, char out[REMOTE_TEXT])
{
	const char *ssh = r->ssh != NULL ? r->ssh : "ssh";
	const char *const words[] = { r->to, command, NULL };

	printf("$ %s %s '%s'\n", ssh, r->to, command);
	return remote_ask(ssh, words, false, out);
}

/* --- Addresses ------------------------------------------------------------ */

/* The name of the host that ssh connects to, which its configuration may
 * tell. */
static void
remote_host(const struct remote *r, char host[256])
{
	const char *ssh = r->ssh != NULL ? r->ssh : "ssh";
	const char *const words[] = { "-G", r->to, NULL };
	const char *at = strchr(r->to, '@'), *line;
	char out[REMOTE_TEXT];

	snprintf(host, 256, "%s", at != NULL ? at + 1 : r->to);
	if (!remote_ask(ssh, words, true, out))
		return;
	line = strncmp(out, "hostname ", 9) == 0 ? out :
	    strstr(out, "\nhostname ");
	if (line == NULL)
		return;
	line += line[0] == '\n' ? 10 : 9;
	snprintf(host, 256, "%.*s", (int)strcspn(line, "\r\n "), line);
}

/* Is it an address that a peer may have? */
static bool
remote_is_address(const char *text)
{
	struct in6_addr six;
	struct in_addr four;

	if (inet_pton(AF_INET, text, &four) == 1)
		return (ntohl(four.s_addr) >> 24) != 127 && four.s_addr != 0;
	return inet_pton(AF_INET6, text, &six) == 1 &&
	    !IN6_IS_ADDR_LOOPBACK(&six) && !IN6_IS_ADDR_LINKLOCAL(&six);
}

static bool
remote_has(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (; *list != '\0'; list += strcspn(list, ","), list += *list == ',')
		if (strcspn(list, ",") == n && memcmp(list, word, n) == 0)
			return true;
	return false;
}

void
remote_resolve(const char *host, unsigned most, char *list, size_t size)
{
	char out[REMOTE_TEXT], *line, *rest = out;
	const char *const ask[] = { "ahosts", host, NULL };
	size_t len = 0;
	unsigned n = 0;

	list[0] = '\0';
	/* Statically linked programs cannot ask for names. */
	if (host[0] == '-' || !remote_ask("getent", ask, true, out))
		return;
	while ((line = strsep(&rest, "\n")) != NULL && n < most) {
		line[strcspn(line, " \t")] = '\0';
		if (!remote_is_address(line) || remote_has(list, line) ||
		    len + strlen(line) + 2 > size)
			continue;
		len += (size_t)snprintf(list + len, size - len, "%s%s",
		    n++ > 0 ? "," : "", line);
	}
}

void
remote_addresses(const struct remote *r, unsigned most, char *list,
    size_t size)
{
	char host[256];

	remote_host(r, host);
	remote_resolve(host, most, list, size);
}
