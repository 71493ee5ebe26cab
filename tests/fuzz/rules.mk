# The fuzz targets (tests/fuzz); the top Makefile includes this.

FUZZ_ALL = peer wire
FUZZ_FILES = $(B)/fuzz/fuzz.o $(if $(FUZZ),,$(B)/fuzz/files.o)
FUZZ_DUO = $(B)/fuzz/live.o $(B)/unit/duo.o $(B)/unit/hostile.o
FUZZ_BINARIES = $(FUZZ_ALL:%=$(B)/fuzz/fuzz_%)
FUZZ_LINK = $(LINK) $(if $(FUZZ),-fsanitize=fuzzer)
T = 60

$(B)/fuzz/fuzz_peer $(B)/fuzz/fuzz_wire: %: %.o $(FUZZ_FILES) $(FUZZ_DUO) $(LIB)
	$(FUZZ_LINK) -o $@ $(filter %.o,$^) $(LIB) -lsodium

$(B)/fuzz/%.o: tests/fuzz/%.c $(B)/flags
	@mkdir -p $(@D)
	$(COMPILE) $(SYSTEM) -Icore -Ipreload -Itests/unit $(CHECK_CFLAGS) \
	    -MMD -MP -c -o $@ $<

-include $(wildcard $(B)/fuzz/*.d)

# Every input of the corpora, without libFuzzer.
check-fuzz: $(FUZZ_BINARIES)
	@for name in $(FUZZ_ALL); do \
		echo "$$name: $$($(B)/fuzz/fuzz_$$name \
		    tests/fuzz/corpus/$$name)" || exit; \
	done

# T seconds of new inputs for each target, by clang's libFuzzer; they and what
# breaks go to build/fuzz/found/.  FUZZ_ALL="peer wire": only these.
fuzz:
	+$(MAKE) FUZZ=1 CC=clang run-fuzz

run-fuzz: $(FUZZ_BINARIES)
	T=$(T) tests/fuzz/run $(B) $(FUZZ_ALL)

.PHONY: check-fuzz fuzz run-fuzz
