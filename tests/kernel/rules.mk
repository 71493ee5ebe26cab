# The kernel's facts (tests/kernel); the top Makefile includes this.

FACT_C = $(filter-out tests/kernel/fact.c,$(wildcard tests/kernel/*.c))
FACT_O = $(FACT_C:tests/kernel/%.c=$(B)/kernel/%.o)
FACTS = $(FACT_O:.o=)
SCRIPTS += tests/kernel/run

all: $(FACTS)

$(FACTS): %: %.o $(B)/kernel/fact.o
	$(LINK) -o $@ $< $(B)/kernel/fact.o

$(B)/kernel/%.o: tests/kernel/%.c $(B)/flags
	@mkdir -p $(@D)
	$(COMPILE) $(SYSTEM) -MMD -MP -c -o $@ $<

-include $(FACT_O:.o=.d) $(B)/kernel/fact.d

# Ends with `N passed, N failed', N being a fact in one of its ways.
check-kernel: $(FACTS)
	tests/kernel/run $(FACTS)

.PHONY: check-kernel
