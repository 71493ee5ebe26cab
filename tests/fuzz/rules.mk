# The fuzz targets (tests/fuzz); the top Makefile includes this.

SCRIPTS += tests/fuzz/run
FUZZ_ALL = peer wire config peers ask answer filter steer rows
FUZZ_BINARIES = $(FUZZ_ALL:%=$(B)/fuzz/fuzz_%)
FUZZ_FILES = $(B)/fuzz/fuzz.o $(if $(FUZZ),,$(B)/fuzz/files.o)
FUZZ_LINK = $(LINK) $(if $(FUZZ),-fsanitize=fuzzer)
T = 60

# What each target links.
fuzz_o = $(patsubst %,$(B)/%.o,$(1))
FUZZ_DUO = $(call fuzz_o,fuzz/live unit/duo unit/hostile)
FUZZ_FILTER = $(B)/fuzz/filter_packet.o $(SHARED_O) $(REAL_O)
FUZZ_O_peer = $(FUZZ_DUO)
FUZZ_O_wire = $(FUZZ_DUO)
FUZZ_O_config = $(call fuzz_o,preload/policy/config_file \
	preload/policy/rules) $(SHARED_O) $(REAL_O)
FUZZ_O_peers = $(call fuzz_o,preload/agent/keyfile preload/agent/peers)
FUZZ_O_ask = $(AGENT_TESTED_O) $(SHARED_O) $(call fuzz_o,agent_unit/world \
	agent_unit/kernel agent_unit/kernel_diag agent_unit/peer)
FUZZ_O_answer = $(SHARED_O) $(REAL_O)
FUZZ_O_filter = $(FUZZ_FILTER)
FUZZ_O_steer = $(FUZZ_FILTER)
FUZZ_O_rows = $(SHARED_O) $(filter-out $(B)/preload/ctl/main.o,$(CTL_O))
# Calls that a target answers.
FUZZ_WRAP_ask = $(AGENT_WRAPPED) socket_gc_watch
FUZZ_WRAP_answer = connect_agent_open_by
FUZZ_WRAP_filter = seccomp_setsockopt
FUZZ_WRAP_steer = seccomp_setsockopt
FUZZ_WRAP_rows = connect_agent_open

FUZZ_LIBS_ask = -lbsd -lmd -lseccomp
FUZZ_LIBS_rows = -lncursesw -ltinfo

define fuzz_rule
$(B)/fuzz/fuzz_$(1): $(B)/fuzz/fuzz_$(1).o $(FUZZ_FILES) $(FUZZ_O_$(1)) $(LIB)
	$$(FUZZ_LINK) $(FUZZ_WRAP_$(1):%=-Wl,--wrap=%) -o $$@ \
	    $$(filter %.o,$$^) $(LIB) -lsodium $(FUZZ_LIBS_$(1))
endef
$(foreach name,$(FUZZ_ALL),$(eval $(call fuzz_rule,$(name))))

$(B)/fuzz/%.o: tests/fuzz/%.c $(B)/flags
	@mkdir -p $(@D)
	$(COMPILE) $(SYSTEM) -Icore -Ipreload -Itests/unit -Itests/agent_unit \
	    $(CHECK_CFLAGS) \
	    -MMD -MP -c -o $@ $<

-include $(wildcard $(B)/fuzz/*.d)

# Every input of the corpora, without libFuzzer.
check-fuzz: $(FUZZ_BINARIES)
	@for name in $(FUZZ_ALL); do \
		echo "$$name: $$($(B)/fuzz/fuzz_$$name \
		    tests/fuzz/corpus/$$name)" || exit; \
	done

# T seconds of new inputs for each target, by clang's libFuzzer; they and what
# breaks go to build/fuzzer/found/.  FUZZ_ALL="peer wire": only these.
fuzz:
	+$(MAKE) FUZZ=1 CC=clang run-fuzz

run-fuzz: $(FUZZ_BINARIES)
	T=$(T) tests/fuzz/run $(B) $(FUZZ_ALL)

.PHONY: check-fuzz fuzz run-fuzz
