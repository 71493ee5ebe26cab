# The differential harness (tests/diff); the top Makefile includes this.

DIFF_O = $(patsubst tests/diff/%.c,$(B)/diff/%.o,$(wildcard tests/diff/*.c))
DIFF = $(B)/diff/diff
SCRIPTS += tests/diff/run

all: $(DIFF)

$(DIFF): $(DIFF_O)
	$(LINK) -o $@ $(DIFF_O)

$(B)/diff/%.o: tests/diff/%.c $(B)/flags
	@mkdir -p $(@D)
	$(COMPILE) $(SYSTEM) -MMD -MP -c -o $@ $<

-include $(DIFF_O:.o=.d)

# The last line is `N passed, N failed', in calls.
check-diff: $(PRODUCT) $(LAB) $(DIFF)
	B=$(B) tests/diff/run

.PHONY: check-diff
