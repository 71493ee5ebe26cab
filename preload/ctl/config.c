/* SPDX-License-Identifier: ISC */
/* mpctl check-config: the configuration, line by line, and the policy that it
 * gives to an address. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "name.h"
#include "say.h"
#include "mp.h"
#include "policy/config_file.h"
#include "policy/rules.h"
#include "policy/settings.h"
#include "shared/net.h"
#include "shared/sockfilter.h"

enum { WHERE = SETTINGS_PATH + 32 };

static const struct {
	const char *name;
	enum settings_from from;
	enum setting what;
} variables[] = {
	{ "MPSHIM_KEY", FROM_VARIABLE, SET_KEY },
	{ "MPSHIM_PLAIN", FROM_PLAIN, SET_PLAIN },
	{ "MPSHIM_PEER", FROM_PEER, SET_PROTECT },
	{ "MPSHIM_PREFER", FROM_VARIABLE, SET_DEFAULT },
	{ "MPSHIM_ACCEPT_PLAIN", FROM_VARIABLE, SET_ACCEPT_PLAIN },
	{ "MPSHIM_TELL_PRIVATE", FROM_VARIABLE, SET_TELL_PRIVATE },
	{ "MPSHIM_INTERFACE", FROM_VARIABLE, SET_INTERFACE },
	{ "MPSHIM_NO_INTERFACE", FROM_VARIABLE, SET_NO_INTERFACE },
	{ "MPSHIM_BUNDLES", FROM_VARIABLE, SET_BUNDLES },
	{ "MPSHIM_SESSIONS", FROM_VARIABLE, SET_SESSIONS },
	{ "MPSHIM_MEMORY", FROM_VARIABLE, SET_MEMORY },
	{ "MPSHIM_RESEND_AGE", FROM_VARIABLE, SET_RESEND_AGE },
	{ "MPSHIM_SPIN", FROM_VARIABLE, SET_SPIN },
	{ "MPSHIM_SERVER_ID", FROM_VARIABLE, SET_SERVER_ID },
};

static char path[FROM_WHERES][SETTINGS_PATH]; /* of each file, or "" */

static void
config_complain(const char *line)
{
	say_line("%s", line);
}

/* Where a setting comes from: "FILE:LINE", a variable's name, or "nobody". */
static const char *
config_source(char text[WHERE], enum settings_from from, enum setting what,
    unsigned line)
{
	size_t i;

	if (from == FROM_USER || from == FROM_SYSTEM)
		snprintf(text, WHERE, "%s:%u", path[from], line);
	else
		snprintf(text, WHERE, "nobody");
	for (i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		if (variables[i].from == from && (variables[i].what == what ||
		    from < FROM_VARIABLE))
			snprintf(text, WHERE, "%s", variables[i].name);
	return text;
}

/* --- Line by line -------------------------------------------------------- */

/* What a directive does, in words. */
static const char *
config_meaning(const struct directive *d)
{
	static const char *const rests[] = {
		[REST_REQUIRE] = "other peers: protected, or nothing is sent",
		[REST_PREFER] = "other peers: protected, or plain after 1 s",
		[REST_PLAIN] = "other peers: plain",
	};
	bool yes = d->number != 0;

	switch (d->what) {
	case SET_DEFAULT:
		return rests[d->number];
	case SET_ACCEPT_PLAIN:
		return yes ? "plain datagrams of protected peers come in" :
		    "plain datagrams of protected peers are dropped";
	case SET_TELL_PRIVATE:
		return yes ? "every peer is told our private addresses" :
		    "peers on global addresses are not told our private ones";
	case SET_BUNDLES:
		return yes ? "datagrams may leave and arrive in bundles" :
		    "each datagram leaves and is received alone";
	case SET_SESSIONS:
		return "peers of one port, at most";
	case SET_MEMORY:
		return "datagrams of a port kept to be sent again, at most";
	case SET_RESEND_AGE:
		return yes ? "older datagrams are not sent again" :
		    "no datagram is sent again";
	case SET_SPIN:
		return yes ? "a receive asks so long before it waits, us" :
		    "a receive waits at once";
	case SET_SERVER_ID:
		return "our number in the fleet: session ids begin with it";
	case SET_KEY:
		return "one of the keys";
	case SET_INTERFACE:
		return "one of the interfaces that are used";
	case SET_NO_INTERFACE:
		return "this interface is never used";
	case SET_PLAIN:
		return "these peers: plain, in and out";
	case SET_PROTECT:
		return "these peers: protected, or nothing is sent";
	case SET_REFUSE:
		return "these peers: nothing is sent, nothing comes in";
	default:
		return "";
	}
}

static void
config_show_value(const struct settings *s, enum settings_from from,
    const struct directive *d)
{
	char text[WHERE];

	printf("  %4u  %-12s %-28s ", d->line, config_file_name(d->what),
	    d->word);
	if (s->peers_alone && (d->what >= SET_PLAIN ||
	    d->what == SET_DEFAULT))
		puts("no effect: MPSHIM_PEER says it all");
	else if (d->what < SET_PLAIN && s->of[d->what].from != from)
		printf("no effect: %s comes first\n", config_source(text,
		    s->of[d->what].from, d->what, s->of[d->what].line));
	else
		puts(config_meaning(d));
}

static void
config_show_file(const struct settings *s, enum settings_from from)
{
	static char text[CONFIG_FILE_MAX];
	struct config_file f;
	struct directive d;
	int n;

	if (path[from][0] == '\0')
		return;
	n = settings_read(text, path[from], from, config_complain);
	printf("%s%s\n", path[from], n <= 0 ? ": not there, or empty" : "");
	config_file_begin(&f, text, n > 0 ? (size_t)n : 0);
	while (config_file_next(&f, &d) > 0)
		config_show_value(s, from, &d);
}

static void
config_show_variables(void)
{
	const char *value;
	bool some = false;
	size_t i;

	for (i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
		value = settings_variable(environ, variables[i].name);
		if (value == NULL)
			continue;
		if (!some)
			puts("the environment, which comes first");
		some = true;
		printf("        %s=%s\n", variables[i].name, value);
	}
}

/* --- Destinations -------------------------------------------------------- */

/* What goes to this host itself is plain, whatever the rules say: the kernel
 * takes the address itself as the source. */
static bool
config_is_own(const struct mp_addr *a)
{
	struct mp_addr source;

	return net_source(net_is_v4(a) ? MP_INET : MP_INET6, a, &source) &&
	    memcmp(source.ip, a->ip, sizeof(a->ip)) == 0;
}

static const char *
config_outcome(const struct settings *s, const struct mp_addr *a)
{
	struct rules_policy policy = rules_apply(&s->rules, a);

	if (policy.way == WAY_PLAIN || config_is_own(a))
		return "plain";
	if (policy.way == WAY_REFUSE)
		return "refused";
	if (policy.prefer)
		return "protected, or plain if there is no answer within 1 s";
	return "protected";
}

/* What decides on an address: the place of its rule, or the reason without
 * one. */
static const char *
config_reason(char text[WHERE], const struct settings *s,
    const struct mp_addr *a)
{
	const struct rule *rule = rules_find(&s->rules, a);

	if (rules_exempt(a))
		return a->port == RULES_NAMES ? "port 53 always is" :
		    "loopback, multicast and broadcast always are";
	if (config_is_own(a))
		return "addresses of this host always are";
	if (rule != NULL)
		return config_source(text, rule->from, rule->way == WAY_PLAIN ?
		    SET_PLAIN : SET_PROTECT, rule->line);
	if (net_is_link_local(a) && s->rules.rest != REST_PLAIN)
		return "link-local addresses are, unless a rule says else";
	if (s->peers_alone)
		return "MPSHIM_PEER names the others";
	if (s->of[SET_DEFAULT].from == FROM_NOWHERE)
		return "no rule fits";
	return config_source(text, s->of[SET_DEFAULT].from, SET_DEFAULT,
	    s->of[SET_DEFAULT].line);
}

static void
config_show_outcome(const struct settings *s, const struct mp_addr *a,
    const char *shown)
{
	char text[WHERE];

	printf("%s: %s (%s)\n", shown, config_outcome(s, a),
	    config_reason(text, s, a));
}

/* Shows the policy of an address.  If it has no port, rules for single ports
 * come first, then all other ports. */
static void
config_show_address(const struct settings *s, const struct mp_addr *dst,
    const char *word)
{
	struct mp_addr a = *dst;
	char text[NET_TEXT];
	size_t i;

	for (i = 0; i < s->rules.n && dst->port == 0; i++) {
		a.port = s->rules.rule[i].peers.addr.port;
		if (a.port != 0 && rules_find(&s->rules, &a) ==
		    &s->rules.rule[i])
			config_show_outcome(s, &a, net_text(&a, text));
	}
	config_show_outcome(s, dst, word);
}

/* The addresses that the words give, in memory that the caller frees; NULL, and
 * says why: one gives none. */
static struct mp_addr *
config_find_addresses(int argc, char **argv)
{
	struct mp_addr *to = calloc((size_t)argc + 1, sizeof(*to));
	int i;

	if (to == NULL)
		say_line("%s", strerror(errno));
	for (i = 0; i < argc && to != NULL; i++)
		if (!name_find(argv[i], &to[i])) {
			say_line("check-config: expected ADDRESS[:PORT] or "
			    "NAME[:PORT], found \"%s\"", argv[i]);
			free(to);
			to = NULL;
		}
	return to;
}

/* --- The command --------------------------------------------------------- */

static bool
config_load(struct settings *s, const char *file)
{
	int n;

	if (file == NULL) {
		settings_environ(s, environ, config_complain);
		if (!settings_path(path[FROM_USER], environ, FROM_USER))
			path[FROM_USER][0] = '\0';
		if (!settings_path(path[FROM_SYSTEM], environ, FROM_SYSTEM))
			path[FROM_SYSTEM][0] = '\0';
		return settings_files(s, environ, config_complain);
	}
	snprintf(path[FROM_USER], SETTINGS_PATH, "%s", file);
	n = settings_file(s, file, FROM_USER, config_complain);
	if (n == 0 && access(file, F_OK) != 0) {
		say_line("%s: %s", file, strerror(errno));
		return false;
	}
	return n >= 0;
}

int
ctl_config(const char *file, int argc, char **argv)
{
	static struct settings s;
	struct mp_addr *to = config_find_addresses(argc, argv);
	int i, status = CTL_OK;

	if (to == NULL)
		return CTL_USAGE;
	if (!config_load(&s, file)) {
		free(to);
		return CTL_FAILED;
	}
	if (file == NULL)
		config_show_variables();
	config_show_file(&s, FROM_USER);
	config_show_file(&s, FROM_SYSTEM);
	if (s.keys[0] == '\0')
		puts("no key: mprun means all peers");
	else if (file == NULL)
		status = ctl_keys_check(s.keys);
	for (i = 0; i < argc; i++)
		config_show_address(&s, &to[i], argv[i]);
	free(to);
	return status;
}
