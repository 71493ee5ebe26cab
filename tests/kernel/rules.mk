# The kernel's facts (tests/kernel); the top Makefile includes this.

FACT_COMMON_O = $(B)/kernel/fact.o $(B)/kernel/fact_sock.o
FACT_O = $(filter-out $(FACT_COMMON_O), $(patsubst tests/kernel/%.c, \
	$(B)/kernel/%.o,$(wildcard tests/kernel/*.c)))
FACTS = $(FACT_O:.o=)
SCRIPTS += tests/kernel/run

all: $(FACTS)

$(FACTS): %: %.o $(FACT_COMMON_O)
	$(LINK) -o $@ $< $(FACT_COMMON_O)

$(B)/kernel/%.o: tests/kernel/%.c $(B)/flags
	@mkdir -p $(@D)
	$(COMPILE) $(SYSTEM) -MMD -MP -c -o $@ $<

-include $(FACT_O:.o=.d) $(FACT_COMMON_O:.o=.d)

# Ends with `N passed, N failed', N being a fact in one of its ways.
check-kernel: $(FACTS)
	tests/kernel/run $(FACTS)

.PHONY: check-kernel
