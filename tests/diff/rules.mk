# The differential harness (tests/diff); the top Makefile includes this.

DIFF_O = $(patsubst tests/diff/%.c,$(B)/diff/%.o,$(wildcard tests/diff/*.c))
DIFF = $(B)/diff/diff
SCRIPTS += tests/diff/run tests/diff/spin
N = 10000

all: $(DIFF)

$(DIFF): $(DIFF_O)
	$(LINK) -o $@ $(DIFF_O)

$(B)/diff/%.o: tests/diff/%.c $(B)/flags
	@mkdir -p $(@D)
	$(COMPILE) $(SYSTEM) -MMD -MP -c -o $@ $<

-include $(DIFF_O:.o=.d)

# The last line is `N passed, N failed', in calls; before it, in lists of calls.
check-diff: $(PRODUCT) $(LAB) $(DIFF)
	B=$(B) tests/diff/spin tests/diff/found/*
	B=$(B) tests/diff/run

# N random lists of calls, plain and under mpshim; SEED=... for the same again.
spin: $(PRODUCT) $(LAB) $(DIFF)
	B=$(B) tests/diff/spin -n $(N) $(SEED:%=-s %)

.PHONY: check-diff spin
