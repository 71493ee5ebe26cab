/* SPDX-License-Identifier: ISC */
#include "conf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "net.h"

enum { WORD = 4096, PORT_NAMES = 53 };

static struct conf conf;

/* Not getenv(3): bash has its own, and binds ours to that. */
static const char *
env(char **envp, const char *name)
{
	size_t len = strlen(name);

	for (; envp != NULL && *envp != NULL; envp++)
		if (strncmp(*envp, name, len) == 0 && (*envp)[len] == '=')
			return *envp + len + 1;
	return NULL;
}

/* The next word of a list: 1 and a copy; 0 at the end. */
static int
word_next(const char **list, char word[WORD])
{
	size_t len, whole;

	*list += strspn(*list, " \t\n");
	whole = strcspn(*list, " \t\n");
	if (whole == 0)
		return 0;
	len = whole < WORD ? whole : WORD - 1;
	memcpy(word, *list, len);
	word[len] = '\0';
	*list += whole;
	return 1;
}

/* A number up to `max' and nothing behind it. */
static bool
number(const char *s, unsigned long max, unsigned long *value)
{
	char *end;

	errno = 0;
	*value = strtoul(s, &end, 10);
	return *s >= '0' && *s <= '9' && *end == '\0' && errno == 0 &&
	    *value <= max;
}

/* Splits off what follows the last `mark'. */
static char *
split(char *s, char mark)
{
	char *at = strrchr(s, mark);

	if (at != NULL)
		*at++ = '\0';
	return at;
}

/* ADDR[/LEN][:PORT], IPv6 with a port in brackets; "0/0" forms as well. */
static bool
rule_parse(struct steer_prefix *rule, char *s)
{
	unsigned long port = 0, len = 0;
	char *bits, *p = NULL, *close = strchr(s, ']');
	bool v4;

	memset(rule, 0, sizeof(*rule));
	if (*s == '[' && close != NULL) {
		p = close[1] == ':' ? close + 2 : NULL;
		if (close[1] != '\0' && p == NULL)
			return false;
		*close = '\0';
		s++;
	} else if (strchr(s, ':') == strrchr(s, ':'))
		p = split(s, ':');
	bits = split(s, '/');
	if (p != NULL && (!number(p, 65535, &port) || port == 0))
		return false;
	rule->addr.port = (uint16_t)port;
	v4 = inet_pton(AF_INET, s, rule->addr.ip + 12) == 1;
	if (v4)
		memset(rule->addr.ip + 10, 0xff, 2);
	else if (inet_pton(AF_INET6, s, rule->addr.ip) != 1)
		return false;
	if (bits != NULL && !number(bits, v4 ? 32 : 128, &len))
		return false;
	rule->len = (uint8_t)(bits == NULL ? 128 : v4 ? 96 + len : len);
	return true;
}

static size_t
rules_parse(struct steer_prefix *rules, const char *name, const char *list)
{
	char word[WORD], whole[WORD];
	size_t n = 0;

	while (list != NULL && word_next(&list, word)) {
		memcpy(whole, word, sizeof(whole));
		if (n == CONF_RULES) {
			log_say(LOG_ERROR, LOG_ALWAYS,
			    "%s: more than %d entries", name, CONF_RULES);
			break;
		}
		if (rule_parse(&rules[n], word))
			n++;
		else
			log_say(LOG_ERROR, LOG_ALWAYS,
			    "%s: %s is no address[/length][:port]", name,
			    whole);
	}
	return n;
}

/* The file of a key: ours, else the system's. */
static bool
key_path(char path[WORD], const char *name, const char *home)
{
	int n;

	if (name[0] == '/') {
		n = snprintf(path, WORD, "%s", name);
		return n > 0 && n < WORD;
	}
	if (home != NULL) {
		n = snprintf(path, WORD, "%s/.config/mpshim/keys/%s.key", home,
		    name);
		if (n > 0 && n < WORD && access(path, F_OK) == 0)
			return true;
	}
	n = snprintf(path, WORD, "/etc/mpshim/keys/%s.key", name);
	if (n > 0 && n < WORD && access(path, F_OK) == 0)
		return true;
	log_say(LOG_ERROR, LOG_ALWAYS,
	    "no key %s: neither %s/.config/mpshim/keys/%s.key nor %s", name,
	    home != NULL ? home : "~", name, path);
	return false;
}

static void
keys_load(const char *list, const char *home)
{
	char name[WORD], path[WORD];
	size_t len = 0, more;

	while (list != NULL && word_next(&list, name)) {
		conf.active = true;
		if (!key_path(path, name, home))
			continue;
		more = strlen(path);
		if (len + more + 2 > sizeof(conf.keys)) {
			log_say(LOG_ERROR, LOG_ALWAYS, "MPSHIM_KEY: too long");
			return;
		}
		memcpy(conf.keys + len, path, more);
		len += more;
		conf.keys[len++] = '\n';
	}
}

static bool
is_on(const char *value)
{
	return value != NULL && strcmp(value, "") != 0 &&
	    strcmp(value, "0") != 0;
}

static void
copy(char *to, size_t size, const char *from)
{
	if (from != NULL)
		snprintf(to, size, "%s", from);
}

void
conf_load(char **envp)
{
	const char *path;

	log_setup(env(envp, "MPSHIM_LOG"));
	keys_load(env(envp, "MPSHIM_KEY"), env(envp, "HOME"));
	if (!conf.active)
		return;
	conf.accept_plain = is_on(env(envp, "MPSHIM_ACCEPT_PLAIN"));
	conf.prefer = is_on(env(envp, "MPSHIM_PREFER"));
	copy(conf.interfaces, IPC_NAMES, env(envp, "MPSHIM_INTERFACE"));
	copy(conf.no_interfaces, IPC_NAMES, env(envp, "MPSHIM_NO_INTERFACE"));
	conf.peers = rules_parse(conf.peer, "MPSHIM_PEER",
	    env(envp, "MPSHIM_PEER"));
	conf.plains = rules_parse(conf.plain, "MPSHIM_PLAIN",
	    env(envp, "MPSHIM_PLAIN"));
	path = program_invocation_short_name;
	copy(conf.program, sizeof(conf.program), path);
	ipc_setup(envp);
}

const struct conf *
conf_get(void)
{
	return &conf;
}

void
conf_refuse(void)
{
	conf.keys[0] = '\0';
}

static bool
matches(const struct steer_prefix *rule, const struct mp_addr *a)
{
	uint32_t bytes = rule->len / 8, bits = rule->len % 8;
	uint8_t mask = (uint8_t)(0xff00 >> bits);

	if (rule->addr.port != 0 && rule->addr.port != a->port)
		return false;
	/* As the kernel's filter has it: ::/0 says nothing about IPv4. */
	if (net_is_v4(a) && rule->len < 96)
		return false;
	return memcmp(rule->addr.ip, a->ip, bytes) == 0 && (bits == 0 ||
	    ((rule->addr.ip[bytes] ^ a->ip[bytes]) & mask) == 0);
}

static bool
listed(const struct steer_prefix *rules, size_t n, const struct mp_addr *a)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (matches(&rules[i], a))
			return true;
	return false;
}

bool
conf_port_plain(uint16_t port)
{
	return port == PORT_NAMES;
}

/* What is never protected: it stays on this host, goes to many, or asks for
 * names. */
static bool
exempt(const struct mp_addr *a)
{
	static const uint8_t broadcast[4] = { 255, 255, 255, 255 };

	return net_is_loopback(a) || net_is_any(a) || net_is_multicast(a) ||
	    conf_port_plain(a->port) ||
	    (net_is_v4(a) && memcmp(a->ip + 12, broadcast, 4) == 0);
}

enum conf_way
conf_way(const struct mp_addr *a)
{
	if (!conf.active || exempt(a) ||
	    listed(conf.plain, conf.plains, a))
		return WAY_PLAIN;
	if (conf.peers > 0)
		return listed(conf.peer, conf.peers, a) ? WAY_PROTECT :
							  WAY_PLAIN;
	/* A link-local address says nothing without its interface. */
	return net_is_link_local(a) ? WAY_REFUSE : WAY_PROTECT;
}

bool
conf_is_dns(const struct mp_addr *a)
{
	return conf_port_plain(a->port) && !net_is_loopback(a) && conf.peers == 0 &&
	    !conf.accept_plain && !listed(conf.plain, conf.plains, a);
}

bool
conf_plain_from(const struct mp_addr *a)
{
	return conf.accept_plain || conf.prefer || net_is_loopback(a) ||
	    conf_way(a) == WAY_PLAIN;
}
