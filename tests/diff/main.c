/* SPDX-License-Identifier: ISC */
/*
 * The differential harness.  diff TOPIC KIND makes a topic's calls and prints
 * their trace, diff -l lists topics and kinds, diff -p is the peer, diff -s KIND
 * makes lists of calls that it reads (spin.h).  The script
 * `run' runs it plain and under mprun and compares the traces.
 */
#include <stdio.h>
#include <string.h>

#include "spin.h"
#include "topics.h"

#define TOPIC_ROW(name, kinds) { #name, kinds, topic_##name },
static const struct {
	const char *name, *kinds;
	void (*go)(const struct kind *);
} topics[] = { TOPICS(TOPIC_ROW) };
enum { NTOPICS = sizeof(topics) / sizeof(topics[0]) };

static int
list(void)
{
	const char *k;
	int i;

	for (i = 0; i < NTOPICS; i++)
		for (k = topics[i].kinds; *k != '\0'; k++)
			printf("%s %c\n", topics[i].name, *k);
	return 0;
}

int
main(int argc, char **argv)
{
	const struct kind *k;
	int i;

	if (argc == 2 && strcmp(argv[1], "-l") == 0)
		return list();
	if (argc == 2 && strcmp(argv[1], "-p") == 0)
		return peer_main();
	if (argc == 3 && strcmp(argv[1], "-s") == 0 &&
	    kind_find(argv[2]) != NULL)
		return spin_main(kind_find(argv[2]));
	k = argc == 3 ? kind_find(argv[2]) : NULL;
	for (i = 0; k != NULL && i < NTOPICS; i++)
		if (strcmp(topics[i].name, argv[1]) == 0) {
			trace_open(topics[i].name, k->name);
			topics[i].go(k);
			trace_close();
			return 0;
		}
	fprintf(stderr, "usage: diff TOPIC KIND | -l | -p | -s KIND\n");
	return 2;
}
