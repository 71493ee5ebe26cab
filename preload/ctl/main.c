/* SPDX-License-Identifier: ISC */
/* mpctl: the table of its commands. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "help.h"
#include "options.h"
#include "say.h"
#include "suggest.h"
#include "policy/rules.h"
#include "shared/ipc.h"
#include "shared/sockfilter.h"

/* A decimal number of 1 to `most', or 0: the text is none. */
static uint32_t
main_read_number(const char *text, unsigned long most)
{
	unsigned long n;
	char *end;

	errno = 0;
	n = strtoul(text, &end, 10);
	return text[0] < '1' || text[0] > '9' || *end != '\0' || errno != 0 ||
	    n > most ? 0 : (uint32_t)n;
}

/* A process id; false, and says so: the text is none. */
static bool
main_read_pid(const char *text, uint32_t *pid)
{
	*pid = main_read_number(text, INT32_MAX);
	if (*pid == 0)
		(void)options_refuse("not a process id: %s", text);
	return *pid != 0;
}

static int
main_identity(const struct ctl_args *args)
{
	return ctl_identity(args->system);
}

static int
main_pair(const struct ctl_args *args)
{
	return ctl_pair(args->n == 2 ? args->operand[0] : NULL,
	    args->n > 0 ? args->operand[args->n - 1] : NULL, args->as,
	    args->ssh, args->replace);
}

static int
main_unpair(const struct ctl_args *args)
{
	return ctl_unpair(args->operand[0], args->ssh);
}

static int
main_add_peer(const struct ctl_args *args)
{
	return ctl_add_peer(args->system, args->replace, args->n,
	    args->operand);
}

static int
main_remove_peer(const struct ctl_args *args)
{
	return ctl_remove_peer(args->system, args->operand[0]);
}

/* Which sessions are to be shown: CTL_OK, or CTL_USAGE, and says why. */
static int
main_read_view(const struct ctl_args *args, struct ipc_view *v)
{
	static const char *const sorts[] = { [IPC_SORT_BYTES] = "bytes",
		[IPC_SORT_AGE] = "age", [IPC_SORT_SILENCE] = "silence" };
	struct sockfilter_prefix prefix;
	size_t i;

	if (args->key != NULL)
		snprintf(v->key, sizeof(v->key), "%s", args->key);
	if (args->at != NULL) {
		if (!rules_prefix(&prefix, args->at) || prefix.addr.port != 0)
			return options_refuse("not ADDRESS[/LENGTH]: %s",
			    args->at);
		memcpy(v->ip, prefix.addr.ip, sizeof(v->ip));
		v->bits = prefix.len;
	}
	for (i = 1; args->sort != NULL && v->sort == IPC_SORT_NONE; i++) {
		if (i == sizeof(sorts) / sizeof(sorts[0]))
			return options_refuse("not an order: %s", args->sort);
		if (strcmp(args->sort, sorts[i]) == 0)
			v->sort = (uint32_t)i;
	}
	v->from = args->from == NULL ? 0 :
	    main_read_number(args->from, INT32_MAX);
	v->most = args->most == NULL ? IPC_MOST :
	    main_read_number(args->most, INT32_MAX);
	if (args->from != NULL && v->from == 0)
		return options_refuse("not a number: %s", args->from);
	if (v->most == 0)
		return options_refuse("not a number: %s", args->most);
	return CTL_OK;
}

static int
main_status(const struct ctl_args *args)
{
	struct ipc_view view = { .sort = IPC_SORT_NONE };
	uint32_t pid = 0;

	if (args->n > 0 && !main_read_pid(args->operand[0], &pid))
		return CTL_USAGE;
	if (main_read_view(args, &view) != CTL_OK)
		return CTL_USAGE;
	return ctl_status(args->json ? CTL_JSON : args->brief ? CTL_SHORT :
	    CTL_TEXT, pid, &view);
}

static int
main_metrics(const struct ctl_args *args)
{
	return ctl_metrics(args->file);
}

static int
main_drain(const struct ctl_args *args)
{
	return ctl_drain(args->undo);
}

static int
main_watch(const struct ctl_args *args)
{
	uint32_t pid = 0;

	if (args->n > 0 && !main_read_pid(args->operand[0], &pid))
		return CTL_USAGE;
	return ctl_watch(pid);
}

static int
main_events(const struct ctl_args *args)
{
	uint32_t port = 0;

	if (args->port != NULL) {
		port = main_read_number(args->port, UINT16_MAX);
		if (port == 0)
			return options_refuse("not a port: %s", args->port);
	}
	return ctl_events(port, args->key, !args->no_samples && !args->text,
	    args->text);
}

/* What mprun --events asks for, so errors are told in mprun's name. */
static int
main_record(const struct ctl_args *args)
{
	uint32_t pid;

	if (!main_read_pid(args->operand[1], &pid))
		return CTL_USAGE;
	say_set_name("mprun");
	return ctl_record(args->operand[0], pid);
}

static int
main_doctor(const struct ctl_args *args)
{
	return ctl_doctor(args->json, args->n > 0 ? args->operand[0] : NULL);
}

static int
main_ping(const struct ctl_args *args)
{
	uint32_t count = 0;

	if (args->count != NULL) {
		count = main_read_number(args->count, INT32_MAX);
		if (count == 0)
			return options_refuse("not a number: %s", args->count);
	}
	return ctl_ping(args->json, count, args->operand[0]);
}

static int
main_check_config(const struct ctl_args *args)
{
	return ctl_config(args->file, args->n, args->operand);
}

static int
main_check_program(const struct ctl_args *args)
{
	int status = ctl_program_check(args->operand[0]);

	if (status == CTL_OK)
		printf("%s can run under mpshim\n", args->operand[0]);
	return status;
}

/* Each row: name, letters of its options, operands, how many at least and at
 * most, what they must be, function, its line and its text of help. */
static const struct ctl_command commands[] = {
	{ "pair", "ier", "[[NAME] ME@SERVER]", 0, 2,
	    "NAME and ME@SERVER at most", main_pair,
	    "let this user and that one talk",
	    "Makes this user known to that of the server, and it to this one\n"
	    "as NAME, over ssh; shows each command.  Once more changes nothing.\n"
	    "Without ME@SERVER it prints the line to type on the other host.\n" },
	{ "unpair", "e", "NAME", 1, 1, "one NAME", main_unpair,
	    "and not any more",
	    "Undoes mpctl pair on both hosts.\n" },
	{ "identity", "y", "", 0, 0, "no operand", main_identity,
	    "print the public key of this user",
	    "Prints the public key of this user, which peers are to be told.\n"
	    "Where there is none it makes the pair: its secret half is in\n"
	    "~/.config/mpshim/identity.\n" },
	{ "add-peer", "ry", "NAME PUBLIC-KEY [OPTION...]", 2, 18,
	    "NAME, PUBLIC-KEY and options", main_add_peer,
	    "the half of pair that is this host's",
	    "Adds a line to ~/.config/mpshim/peers, or changes its options:\n"
	    "at=ADDRESS[/LENGTH][,...], from=ADDRESS[/LENGTH][,...], psk=FILE,\n"
	    "sessions=NUMBER, ssh=DESTINATION.\n"
	    "mpshim.peers(5) tells of them.\n" },
	{ "remove-peer", "y", "NAME|PUBLIC-KEY", 1, 1,
	    "one NAME or PUBLIC-KEY", main_remove_peer,
	    "the half of unpair",
	    "Removes the line from ~/.config/mpshim/peers.  Sessions with the\n"
	    "peer end within a second.\n" },
	{ "status", "sjkaSom", "[PID]", 0, 1, "one PID at most", main_status,
	    "show programs, peers and paths",
	    "Shows your programs under mpshim in this network namespace,\n"
	    "their peers and the paths to them; with PID one process only.  Of\n"
	    "many peers it shows the sum, and those that the options say.\n" },
	{ "metrics", "w", "", 0, 0, "no operand", main_metrics,
	    "counters and sums for Prometheus",
	    "Writes counters and sums in the text format that Prometheus "
	    "reads.\n" },
	{ "watch", "", "[PID]", 0, 1, "one PID at most", main_watch,
	    "the same, live",
	    "Shows the status live, a line for each path with its last "
	    "seconds.\n"
	    "Keys: q quits, s sorts, h explains, arrows scroll.\n" },
	{ "drain", "u", "", 0, 0, "no operand", main_drain,
	    "take no new peers, say how many are left",
	    "Your programs under mpshim take no new peers from now on.  Those\n"
	    "that they have go on; it says how many.  For a server of a fleet\n"
	    "to which the balancer sends no new clients any more.\n" },
	{ "events", "tnpk", "", 0, 0, "no operand", main_events,
	    "say what happens, as it happens",
	    "Says what happens, as it happens, a line of JSON for each, until\n"
	    "it is interrupted; with --text a line for people, without the\n"
	    "round-trip times.  Waits where no program runs under mpshim.\n" },
	{ "record", "", "FILE PID", 2, 2, "FILE and PID", main_record, NULL,
	    "What mprun --events asks, in its name: writes the events to FILE\n"
	    "in the background while process PID lives.\n" },
	{ "doctor", "j", "[ADDRESS:PORT]", 0, 1, "one ADDRESS:PORT at most",
	    main_doctor, "what stops multipath here, or to that peer",
	    "Looks for what stops multipath on this host, and gives the\n"
	    "command that mends it.  With the address of a program under\n"
	    "mpshim, tries each pair of addresses.  Exits with 0 where all is\n"
	    "well, and 1 where something stops multipath.  A host's name, or\n"
	    "that of a peer with an at=, may stand for the address.\n" },
	{ "ping", "cj", "ADDRESS:PORT", 1, 1, "one ADDRESS:PORT", main_ping,
	    "ask a peer on every path, again and again",
	    "Asks the program at that address on every pair of addresses, each\n"
	    "second; at the end how many were answered, and the least, mean\n"
	    "and longest times.  A name may stand for the address.\n" },
	{ "check-config", "f", "[ADDRESS[:PORT]...]", 0, INT_MAX, "",
	    main_check_config, "what is configured, and for an address",
	    "Explains the configuration, line by line, and what each address\n"
	    "gets and by which line.  mpshim.conf(5) tells of its lines.\n" },
	{ "check-program", "", "PROGRAM", 1, 1, "one PROGRAM",
	    main_check_program, "would it run under mpshim?",
	    "Would it run under mpshim?  Exits with 0, or says why not: 1, it\n"
	    "is refused; 126, it cannot be run; 127, there is none.\n" },
};

enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

/* mpctl without a command: --help or --version. */
static int
main_run_bare(int argc, char **argv)
{
	static const struct ctl_command bare = { .name = "mpctl",
		.letters = "V", .wants = "the COMMAND first" };
	struct ctl_args args;
	int status = options_parse(&args, &bare, argc, argv);

	if (status != CTL_OK)
		return status;
	if (args.help)
		help_show_all(commands, COMMANDS);
	else if (args.version)
		puts("mpshim " MPSHIM_VERSION);
	else
		return options_refuse("no command given");
	return say_flush();
}

static int
main_run(const struct ctl_command *c, int argc, char **argv)
{
	struct ctl_args args;
	int status = options_parse(&args, c, argc, argv);

	if (status != CTL_OK)
		return status;
	if (args.help)
		help_show(c);
	else
		status = c->run(&args);
	return status == CTL_OK ? say_flush() : status;
}

static int
main_refuse_command(const char *word)
{
	char text[SUGGEST_TEXT];
	struct suggest s;
	size_t i;

	suggest_begin(&s, word);
	for (i = 0; i < COMMANDS; i++)
		if (commands[i].line != NULL)
			suggest_offer(&s, commands[i].name);
	return options_refuse("no such command: %s%s", word,
	    suggest_text(&s, text));
}

int
main(int argc, char **argv)
{
	size_t i;

	if (argc < 2 || argv[1][0] == '-')
		return main_run_bare(argc, argv);
	for (i = 0; i < COMMANDS; i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return main_run(&commands[i], argc - 1, argv + 1);
	return main_refuse_command(argv[1]);
}
