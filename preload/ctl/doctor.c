/* SPDX-License-Identifier: ISC */
/* mpctl doctor: runs the checks, and shows what they found as text or JSON. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctl.h"
#include "exam.h"
#include "host.h"
#include "name.h"
#include "say.h"
#include "shared/net.h"

/* --- Text ---------------------------------------------------------------- */

static void
doctor_show_text(const struct exam *x)
{
	size_t i;

	for (i = 0; i < x->nfound; i++) {
		printf("%s: %s\n", x->found[i].fault ? "fault" : "remark",
		    x->found[i].text);
		if (x->found[i].mend[0] != '\0')
			printf("        %s\n", x->found[i].mend);
	}
	for (i = 0; i < x->npairs; i++) {
		fputs("  ", stdout);
		exam_put_pair(x, &x->pair[i]);
	}
	if (x->nfound == 0)
		puts("all is well");
	else if (exam_faults(x) == 0)
		puts("nothing found that stops multipath");
}

/* --- JSON ---------------------------------------------------------------- */

static void
doctor_put_string(const char *s)
{
	putchar('"');
	for (; *s != '\0'; s++)
		if (*s == '"' || *s == '\\')
			printf("\\%c", *s);
		else if ((unsigned char)*s < ' ' || *s == 0x7f)
			printf("\\u%04x", (unsigned char)*s);
		else
			putchar(*s);
	putchar('"');
}

static void
doctor_put_pairs(const struct exam *x)
{
	char local[64], remote[NET_TEXT];
	size_t i;

	for (i = 0; i < x->npairs; i++) {
		printf("%s{\"local\":\"%s\",\"remote\":\"%s\",\"rtt_us\":",
		    i > 0 ? "," : "", host_text(&x->pair[i].path.local, local),
		    net_text(&x->pair[i].path.remote, remote));
		if (x->pair[i].answered)
			printf("%" PRIu32 "}", x->pair[i].rtt_us);
		else
			fputs("null}", stdout);
	}
}

static void
doctor_show_json(const struct exam *x)
{
	size_t i;

	printf("{\"version\":1,\"well\":%s,\"found\":[",
	    exam_faults(x) == 0 ? "true" : "false");
	for (i = 0; i < x->nfound; i++) {
		printf("%s{\"check\":\"%s\",\"fault\":%s,\"text\":",
		    i > 0 ? "," : "", x->found[i].check->name,
		    x->found[i].fault ? "true" : "false");
		doctor_put_string(x->found[i].text);
		fputs(",\"command\":", stdout);
		if (x->found[i].mend[0] != '\0')
			doctor_put_string(x->found[i].mend);
		else
			fputs("null", stdout);
		putchar('}');
	}
	fputs("],\"pairs\":[", stdout);
	doctor_put_pairs(x);
	puts("]}");
}

/* --- The command --------------------------------------------------------- */

int
ctl_doctor(bool as_json, const char *peer)
{
	static struct exam x;
	static struct mp_addr to;
	int error;

	if (peer != NULL && (!name_find(peer, &to) || to.port == 0)) {
		say_line("doctor: expected ADDRESS:PORT or NAME:PORT, found "
		    "\"%s\"", peer);
		return CTL_USAGE;
	}
	x.peer = peer != NULL ? &to : NULL;
	exam_run(&x, exam_setup);
	exam_run(&x, exam_key);
	error = host_read(&x.host, x.peer, x.settings.interfaces,
	    x.settings.no_interfaces);
	if (error != 0) {
		say_line("the kernel does not tell of the network: %s",
		    strerror(-error));
		return CTL_FAILED;
	}
	exam_run(&x, exam_net);
	exam_run(&x, exam_firewall);
	if (x.peer != NULL)
		exam_run(&x, exam_peer);
	exam_wipe_keys();
	close(x.host.fd);
	if (as_json)
		doctor_show_json(&x);
	else
		doctor_show_text(&x);
	return exam_faults(&x) == 0 ? CTL_OK : CTL_FAILED;
}
