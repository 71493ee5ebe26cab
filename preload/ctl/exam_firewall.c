/* SPDX-License-Identifier: ISC */
/*
 * mpctl doctor: does the firewall refuse UDP?  Reads the rules that nft(8)
 * lists, which only root may; a rule that is not understood counts as none.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "exam.h"

/* Run by a shell; nft is taken from the system's directories, not from the
 * user's PATH. */
#define LIST "PATH=/usr/sbin:/sbin:/usr/bin:/bin nft list ruleset 2>/dev/null"

enum { NAME = 128 };

struct chain {
	char table[NAME], name[NAME];
	bool hooked, input, drops;
	bool accepts; /* a rule so far may accept some UDP */
	bool answers; /* a rule so far accepts what answers this host */
	bool all;     /* a rule so far accepts all UDP */
};

/* Reads the name in "KEYWORD NAME {"; false: another line, or too long. */
static bool
firewall_read_name(const char *line, const char *keyword, char name[NAME])
{
	size_t len = strlen(keyword);
	const char *brace = strchr(line, '{');

	if (strncmp(line, keyword, len) != 0 || brace == NULL ||
	    brace - line - (long)len - 1 >= NAME || brace < line + len + 1)
		return false;
	snprintf(name, NAME, "%.*s", (int)(brace - line - (long)len - 1),
	    line + len);
	return true;
}

static bool
firewall_has(const char *line, const char *word)
{
	return strstr(line, word) != NULL;
}

/* Does the rule name UDP?  Without /etc/protocols nft writes the number, 17. */
static bool
firewall_is_udp(const char *line)
{
	return firewall_has(line, "udp") || firewall_has(line,
	    "l4proto 17") ||
	    firewall_has(line, "protocol 17");
}

static bool
firewall_refuses(const char *line)
{
	return firewall_has(line, " drop") || firewall_has(line, " reject") ||
	    strncmp(line, "drop", 4) == 0 || strncmp(line, "reject", 6) == 0;
}

/* Is the rule for a part of UDP only, other than for the peer's port? */
static bool
firewall_is_narrowed(const struct exam *x, const char *line)
{
	static const char *const words[] = { "sport", "saddr", "daddr", "iif",
		"oif", "ct state", "limit" };
	char port[32];
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (firewall_has(line, words[i]))
			return true;
	if (!firewall_has(line, "dport"))
		return false;
	snprintf(port, sizeof(port), "dport %u ", x->peer != NULL ?
	    x->peer->port : 0U);
	return !firewall_has(line, port);
}

/* Reads a line of a chain, and notes in the chain what it accepts: is it a rule
 * that refuses UDP? */
static bool
firewall_rule_refuses(const struct exam *x, struct chain *in, const char *line)
{
	if (firewall_has(line, "type filter hook ")) {
		in->hooked = firewall_has(line, " hook input ") ||
		    firewall_has(line, " hook output ");
		in->input = firewall_has(line, " hook input ");
		in->drops = firewall_has(line, "policy drop");
		return false;
	}
	if (!in->hooked)
		return false;
	if (!firewall_has(line, "accept") && !firewall_has(line, "jump") &&
	    !firewall_has(line, "goto") &&
	    !firewall_has(line, "vmap"))
		return firewall_refuses(line) && firewall_is_udp(line) &&
		    !in->all && !firewall_is_narrowed(x, line);
	/* A rule that names neither protocol nor interface may be for UDP. */
	if (firewall_has(line, "established") && !firewall_has(line, "new")) {
		in->answers = true;
		return false;
	}
	in->accepts |= firewall_is_udp(line) ||
	    (!firewall_has(line, "tcp") && !firewall_has(line, "icmp") &&
		!firewall_has(line, "iif") && !firewall_has(line, "oif"));
	in->all |= firewall_is_udp(line) && firewall_has(line, "accept") &&
	    !firewall_is_narrowed(x, line);
	return false;
}

/* The line without leading blanks and without its newline. */
static char *
firewall_trim(char *line)
{
	line[strcspn(line, "\n")] = '\0';
	return line + strspn(line, " \t");
}

/* The checks that reading the rules is for; one of them. */
struct wanted {
	const struct check *rules;   /* rules that refuse UDP */
	const struct check *chains;  /* chains whose policy drops it */
	const struct check *answers; /* those that let answers in alone */
};

/* At the end of a chain: what does its policy do? */
static void
firewall_end_chain(struct exam *x, const struct chain *in,
    const struct wanted *w)
{
	const struct check *c = w->chains;

	if (!in->hooked || !in->drops || in->accepts)
		return;
	/* What this host sends is let out where it answers, or asks. */
	if (in->answers)
		c = in->input ? w->answers : w->chains;
	if (c != NULL)
		exam_found(x, c, in->table, in->name, NULL);
}

static void
firewall_read_rules(struct exam *x, const struct wanted *w)
{
	struct chain in = { .hooked = false };
	char text[1024], *line;
	FILE *f = geteuid() == 0 ? popen(LIST, "r") : NULL;

	while (f != NULL && fgets(text, sizeof(text), f) != NULL) {
		line = firewall_trim(text);
		if (firewall_read_name(line, "table ", in.table))
			continue;
		if (firewall_read_name(line, "chain ", in.name))
			in.hooked = in.drops = in.accepts = in.answers =
			    in.all = false;
		else if (line[0] == '}') {
			firewall_end_chain(x, &in, w);
			in.hooked = false;
		} else if (firewall_rule_refuses(x, &in, line) &&
		    w->rules != NULL)
			exam_found(x, w->rules, in.table, in.name, line);
	}
	if (f != NULL)
		pclose(f);
}

static void
exam_check_firewall_rules(struct exam *x, const struct check *c)
{
	firewall_read_rules(x, &(struct wanted) { .rules = c });
}

static void
exam_check_firewall_policy(struct exam *x, const struct check *c)
{
	firewall_read_rules(x, &(struct wanted) { .chains = c });
}

static void
exam_check_firewall_answers(struct exam *x, const struct check *c)
{
	firewall_read_rules(x, &(struct wanted) { .answers = c });
}

static void
exam_check_firewall_unseen(struct exam *x, const struct check *c)
{
	if (geteuid() != 0)
		exam_found(x, c, NULL, NULL, NULL);
}

const struct check exam_firewall[] = {
	{ "firewall-rule", exam_check_firewall_rules, EXAM_FAULT,
	    "the firewall refuses UDP: %3 (chain %2 of table %1)",
	    "nft insert rule %1 %2 meta l4proto udp accept" },
	{ "firewall-policy", exam_check_firewall_policy, EXAM_FAULT,
	    "the firewall drops what it does not accept, and accepts no UDP "
	    "(chain %2 of table %1)",
	    "nft insert rule %1 %2 meta l4proto udp accept" },
	{ "firewall-answers", exam_check_firewall_answers, EXAM_REMARK,
	    "the firewall lets in what answers this host alone: no peer can "
	    "call a program here (chain %2 of table %1)",
	    "nft insert rule %1 %2 meta l4proto udp accept" },
	{ "firewall-unseen", exam_check_firewall_unseen, EXAM_REMARK,
	    "the firewall was not looked at: root alone may do so",
	    "sudo mpctl doctor" },
	{ .name = NULL },
};
