# mpshim.  SAN=1: address and undefined behaviour sanitizers; COV=1: gcov.
# Either builds in a directory of its own; CC=clang works as well.

CC = gcc
CFLAGS ?= -O2 -g
AR ?= ar
NM ?= nm
GCOV ?= gcov
VALGRIND ?= valgrind
CLANG_TIDY ?= clang-tidy
SHELLCHECK ?= shellcheck
PREFIX ?= /usr/local
VERSION := $(shell cat VERSION)
PKG_CONFIG ?= pkg-config

# --- What there is ----------------------------------------------------------

# The engine, lowest floor first (scripts/floors tells who may use whom).
CORE = crypto \
	seal noise wire keyring reach replay rtt addr \
	table share offload loss overflow flow ratelimit budget \
	pool probe policy route \
	part recent ahead \
	part_order \
	path_choice \
	path \
	session handshake change rollback \
	child \
	ticket \
	send \
	staged resend initiator peer_addr \
	child_out \
	initiator_reply child_in rival \
	responder \
	control recv timers info \
	output endpoint revoke \
	bundle_out bundle_in gather gather_out

# The rooms of preload/ (preload/README.md): every file is part of its room.
LIBRARY_ROOMS = hook datagram socket policy process
ROOMS = $(LIBRARY_ROOMS) shared agent ctl run
room_c = $(sort $(wildcard preload/$(1)/*.c))
room_o = $(patsubst %.c,$(B)/%.o,$(call room_c,$(1)))

# Every file here is part of the program of its directory.
UNIT = $(basename $(notdir $(sort $(wildcard tests/unit/*.c))))
SIM = $(basename $(notdir $(sort $(wildcard tests/sim/*.c))))

# Programs, and what they share.
BENCH = bench_core bench_bundle bench_handshake bench_many
BENCH_COMMON = world

# Manual pages, and what else people read.
MAN = $(wildcard man/*.[1-9])
DOCS = README.md CHANGES.md COMPATIBILITY.md LICENSE doc/guides.md \
	core/PROTOCOL.md

SCRIPTS = scripts/check-floors scripts/completion.bash scripts/coverage \
	scripts/deps scripts/make-deb tests/deb/run \
	scripts/mpplot scripts/demo tests/model/run tests/agent/memcheck/run \
	tests/cli/run $(wildcard tests/cli/*.test) \
	tests/lab/run $(wildcard tests/lab/*.sh) \
	$(wildcard tests/lab/scenarios/*/*.lab) tests/bench/bench_shim \
	tests/bench/bench_peers tests/bench/ends.sh .ci/run

# --- How it is built --------------------------------------------------------

B = build
STATIC = -static
ifdef SAN
B = build/san
BUILT = san
STATIC =
EXTRA = -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer
endif
ifdef COV
B = build/cov
BUILT = cov
EXTRA = --coverage -O0
endif

ifdef FUZZ
B = build/fuzzer
BUILT = fuzzer
STATIC =
# Comparisons are not traced: the sanitizers make more of them than the code.
# A bool of a message from another process may be 198, and counts as some bool.
EXTRA = -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize-coverage=trace-cmp -fno-sanitize=bool,enum \
	-fno-sanitize-recover=all -fno-omit-frame-pointer
endif

OURS = -std=gnu11 -fPIC -fvisibility=hidden -ffunction-sections \
	-Wall -Wextra -Wshadow -Wmissing-prototypes -Wsign-compare \
	-Wstrict-prototypes -Wvla $(EXTRA)
# Of the rooms that touch Linux.  Fortified names would be undefined elsewhere.
SYSTEM = -D_GNU_SOURCE -U_FORTIFY_SOURCE
SAY_VERSION = -DMPSHIM_VERSION='"$(VERSION)"'
COMPILE = $(CC) $(CPPFLAGS) $(CFLAGS) $(OURS)
LINK = $(CC) $(CFLAGS) $(EXTRA) $(LDFLAGS)
CHECK_CFLAGS = $(shell $(PKG_CONFIG) --cflags check)
CHECK_LIBS = $(shell $(PKG_CONFIG) --libs check)

CORE_O = $(CORE:%=$(B)/core/%.o)
UNIT_O = $(UNIT:%=$(B)/unit/%.o)
SIM_O = $(SIM:%=$(B)/sim/%.o)
BENCH_O = $(BENCH_COMMON:%=$(B)/bench/%.o)

# The calls of libc by their real names: the library finds them behind its own
# hooks (process/libc.c), all other programs link them (shared/real.c).
REAL_O = $(B)/preload/shared/real.o
SHARED_O = $(filter-out $(REAL_O),$(call room_o,shared))
LIBRARY_O = $(foreach room,$(LIBRARY_ROOMS),$(call room_o,$(room)))
AGENT_O = $(call room_o,agent) $(REAL_O)
# The rules of who is protected, which mpctl shows, and what it shares with the
# agent.
CONFIG_O = $(addprefix $(B)/preload/policy/,rules.o config_file.o settings.o)
RUN_O = $(call room_o,run) $(REAL_O) $(CONFIG_O) \
	$(addprefix $(B)/preload/ctl/,environ.o program.o key.o keydir.o \
	say.o suggest.o) \
	$(addprefix $(B)/preload/agent/,keyfile.o peers.o)
CTL_O = $(call room_o,ctl) $(REAL_O) $(CONFIG_O) \
	$(addprefix $(B)/preload/agent/,keyfile.o peers.o rtnl.o)

LIB = $(B)/libmpcore.a
SHIM = $(B)/libmpshim.so
KEEPER = $(B)/mpshim-agent
MPCTL = $(B)/mpctl
MPRUN = $(B)/mprun
CHECK = $(B)/unit/check
SIMULATOR = $(B)/sim/sim
BENCHES = $(BENCH:%=$(B)/bench/%)
BENCH_AGENT = $(B)/bench/bench_agent
BENCH_UDP = $(B)/bench/bench_udp $(B)/bench/bench_bulk
FAKE_AGENT = $(B)/cli/fake_agent
CHECK_CTL_O = $(patsubst tests/cli/%.c,$(B)/cli/%.o, \
	$(wildcard tests/cli/check_*.c))
CHECK_CTL_TESTED_O = $(B)/preload/agent/status_diff.o \
	$(B)/preload/agent/rtnl.o \
	$(patsubst %,$(B)/preload/ctl/%.o,history view say fields form links json \
	status_json status_text event_json)
CHECK_CTL = $(B)/cli/check_ctl
AGENT_TEST_O = $(patsubst tests/agent/%.c,$(B)/agent_test/%.o, \
	$(wildcard tests/agent/*.c))
CHECK_AGENT = $(B)/agent_test/check_agent
MEMCHECK_AGENT = $(B)/memcheck/mpshim-agent
# What it must not do under valgrind (tests/agent/memcheck/wrap.c).
MEMCHECK_WRAPPED = seccomp_init seccomp_rule_add seccomp_load seccomp_release \
	execve
AGENT_UNIT_O = $(patsubst tests/agent_unit/%.c,$(B)/agent_unit/%.o, \
	$(wildcard tests/agent_unit/*.c))
AGENT_TESTED_O = $(filter-out $(B)/preload/agent/main.o,$(AGENT_O))
# The system calls that tests/agent_unit/kernel*.c answer.
AGENT_WRAPPED = arena_now pread sendmsg sendmmsg sendto recvfrom recvmmsg \
	getsockopt setsockopt getsockname socket
CHECK_AGENT_UNIT = $(B)/agent_unit/check_agent_unit
PRELOAD_TEST_O = $(patsubst tests/preload/%.c,$(B)/preload_test/%.o, \
	$(wildcard tests/preload/*.c))
PRELOAD_TESTED_O = $(SHARED_O) $(CONFIG_O) $(patsubst %,$(B)/preload/%.o, \
	policy/conf policy/dest_scope policy/dest_policy \
	process/libc process/log process/fault process/forked process/reentry \
	process/iov \
	socket/arena_copy socket/fdtab socket/ingress socket/ingress_rule \
	socket/pinned socket/fib socket/own_addr \
	datagram/tx_many datagram/tx_option datagram/cork datagram/cmsg \
	datagram/rx_spin)
CHECK_PRELOAD = $(B)/preload_test/check_preload
EMU_O = $(patsubst tests/lab/%.c,$(B)/lab/%.o,$(wildcard tests/lab/emu*.c))
UDPLOAD_O = $(patsubst tests/lab/%.c,$(B)/lab/%.o, \
	$(wildcard tests/lab/udpload*.c))
EMU = $(B)/lab/emu
UDPLOAD = $(B)/lab/udpload
LAB_PROGS = $(patsubst tests/lab/progs/%.c,$(B)/lab/%, \
	$(wildcard tests/lab/progs/*.c))
LAB = $(EMU) $(UDPLOAD) $(LAB_PROGS) $(TSAN) $(BENCH_UDP)
# The library within a program, for gcc's thread sanitizer: clang's is another
# package.
TSAN_CC = gcc
TSAN = $(B)/tsan/churn $(B)/tsan/bundles $(B)/tsan/hurry_threads
TSAN_C = $(CORE:%=core/%.c) \
	$(foreach room,$(LIBRARY_ROOMS),$(call room_c,$(room))) \
	$(filter-out preload/shared/real.c,$(call room_c,shared))
PAGES = $(MAN:%=$(B)/%)
PRODUCT = $(SHIM) $(KEEPER) $(MPCTL) $(MPRUN)

all: $(LIB) $(PRODUCT) $(CHECK) $(SIMULATOR) $(BENCHES) $(BENCH_UDP) $(LAB) \
	$(FAKE_AGENT) $(CHECK_CTL) $(CHECK_AGENT) $(CHECK_AGENT_UNIT) \
	$(CHECK_PRELOAD)

# What is installed, without the tests.
product: $(PRODUCT) $(PAGES)
all: $(PAGES)

$(LIB): $(CORE_O)
	rm -f $@
	$(AR) rcs $@ $(CORE_O)

# Into somebody else's process: nothing is exported but the hooks, no library
# comes along but the C library, all names are bound at once.
$(SHIM): $(SHARED_O) $(LIBRARY_O) $(LIB) preload/hook/exports.map
	$(LINK) -shared -o $@ -Wl,--version-script=preload/hook/exports.map \
	    -Wl,--exclude-libs,ALL -Wl,-z,now -Wl,-z,nodelete -Wl,-z,defs \
	    -Wl,--gc-sections $(SHARED_O) $(LIBRARY_O) $(LIB) \
	    -Wl,-Bstatic -lsodium -Wl,-Bdynamic \
	    -Wl,--no-as-needed -l:libdl.so.2 -l:libpthread.so.0

# Programs of our own bring all with them: they run beside any C library.
$(KEEPER): $(SHARED_O) $(AGENT_O) $(LIB)
	$(LINK) $(STATIC) -o $@ $(SHARED_O) $(AGENT_O) $(LIB) \
	    -lsodium -lbsd -lmd -lseccomp

$(MPCTL): $(SHARED_O) $(CTL_O) $(LIB)
	$(LINK) $(STATIC) -o $@ $(SHARED_O) $(CTL_O) $(LIB) \
	    -Wl,--gc-sections -lsodium -lncursesw -ltinfo

# Small, as it is started before each program.
$(MPRUN): $(SHARED_O) $(RUN_O) $(LIB)
	$(LINK) $(STATIC) -o $@ $(SHARED_O) $(RUN_O) $(LIB) \
	    -Wl,--gc-sections -lsodium

# The one place that has the version; these show it.
$(addprefix $(B)/preload/,ctl/main.o run/options.o ctl/exam_setup.o agent/agent.o \
    agent/events.o hook/init.o): VERSION

$(FAKE_AGENT): $(B)/cli/fake_agent.o $(SHARED_O) $(REAL_O) $(LIB)
	$(LINK) -o $@ $(B)/cli/fake_agent.o $(SHARED_O) $(REAL_O) \
	    $(LIB) -lsodium

$(CHECK_CTL): $(CHECK_CTL_O) $(CHECK_CTL_TESTED_O) $(SHARED_O) \
		$(REAL_O) $(LIB)
	$(LINK) -o $@ $(CHECK_CTL_O) $(CHECK_CTL_TESTED_O) $(SHARED_O) \
	    $(REAL_O) $(LIB) $(CHECK_LIBS) -lsodium

$(CHECK_AGENT): $(AGENT_TEST_O) $(SHARED_O) $(REAL_O) $(LIB) \
    $(B)/preload/agent/keyfile.o
	$(LINK) -o $@ $(AGENT_TEST_O) $(B)/preload/agent/keyfile.o \
	    $(SHARED_O) $(REAL_O) $(LIB) \
	    $(CHECK_LIBS) -lsodium

# The agent as valgrind can run it.
$(MEMCHECK_AGENT): tests/agent/memcheck/wrap.c $(SHARED_O) $(AGENT_O) $(LIB)
	@mkdir -p $(@D)
	$(LINK) $(MEMCHECK_WRAPPED:%=-Wl,--wrap=%) -o $@ $< $(SHARED_O) \
	    $(AGENT_O) $(LIB) -lsodium -lbsd -lmd -lseccomp

$(B)/bench/bench_agent.o: SYSTEM += -Ipreload

$(BENCH_AGENT): $(B)/bench/bench_agent.o $(B)/bench/world.o $(SHARED_O) \
    $(REAL_O) $(LIB) $(B)/preload/agent/keyfile.o \
    $(B)/agent_test/lab.o $(B)/agent_test/player.o
	$(LINK) -o $@ $(filter %.o,$^) $(LIB) -lsodium

$(CHECK_AGENT_UNIT): $(AGENT_UNIT_O) $(AGENT_TESTED_O) $(SHARED_O) $(LIB)
	$(LINK) $(AGENT_WRAPPED:%=-Wl,--wrap=%) -o $@ $(AGENT_UNIT_O) \
	    $(AGENT_TESTED_O) $(SHARED_O) $(LIB) $(CHECK_LIBS) \
	    -lsodium -lbsd -lmd -lseccomp

$(CHECK_PRELOAD): $(PRELOAD_TEST_O) $(PRELOAD_TESTED_O) $(LIB)
	$(LINK) -o $@ $(PRELOAD_TEST_O) $(PRELOAD_TESTED_O) $(LIB) \
	    -Wl,--wrap=clock_read $(CHECK_LIBS) -lsodium -ldl -lpthread

$(EMU): $(EMU_O)
	$(LINK) -o $@ $(EMU_O)

$(UDPLOAD): $(UDPLOAD_O)
	$(LINK) -o $@ $(UDPLOAD_O)

$(LAB_PROGS): $(B)/lab/%: $(B)/lab/%.o
	$(LINK) -o $@ $<

# Its agent is the usual one, beside it.
$(TSAN): $(B)/tsan/%: tests/lab/progs/%.c $(TSAN_C) \
	    $(wildcard core/*.h preload/*/*.h) $(B)/flags
	@mkdir -p $(@D)
	$(TSAN_CC) $(CPPFLAGS) $(CFLAGS) $(SYSTEM) $(SAY_VERSION) \
	    -std=gnu11 -fsanitize=thread -Icore -Ipreload -o $@ $< $(TSAN_C) \
	    -lsodium -ldl -lpthread
	ln -sf ../mpshim-agent $(@D)

$(CHECK): $(UNIT_O) $(LIB)
	$(LINK) -o $@ $(UNIT_O) $(LIB) $(CHECK_LIBS) -lsodium

$(SIMULATOR): $(SIM_O) $(LIB)
	$(LINK) -o $@ $(SIM_O) $(LIB) -lsodium -lm

$(BENCH_UDP): %: %.o $(B)/bench/bench_net.o
	$(LINK) -o $@ $< $(B)/bench/bench_net.o

$(BENCHES): %: %.o $(BENCH_O) $(LIB)
	$(LINK) -o $@ $< $(BENCH_O) $(LIB) -lsodium

$(B)/core/%.o: core/%.c $(B)/flags
	@mkdir -p $(@D)
	$(COMPILE) -MMD -MP -c -o $@ $<

$(B)/preload/%.o: preload/%.c $(B)/flags
	@mkdir -p $(@D)
	$(COMPILE) $(SYSTEM) $(SAY_VERSION) -Icore -Ipreload -MMD -MP -c -o $@ $<

$(B)/unit/%.o: tests/unit/%.c $(B)/flags
	@mkdir -p $(@D)
	$(COMPILE) -Icore -I$(B)/unit $(CHECK_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/sim/%.o: tests/sim/%.c $(B)/flags
	@mkdir -p $(@D)
	$(COMPILE) -Icore -MMD -MP -c -o $@ $<

$(B)/bench/%.o: tests/bench/%.c $(B)/flags
	@mkdir -p $(@D)
	$(COMPILE) $(SYSTEM) -Icore -MMD -MP -c -o $@ $<

$(B)/cli/%.o: tests/cli/%.c $(B)/flags
	@mkdir -p $(@D)
	$(COMPILE) $(SYSTEM) -Icore -Ipreload $(CHECK_CFLAGS) \
	    -MMD -MP -c -o $@ $<

$(B)/agent_test/%.o: tests/agent/%.c $(B)/flags
	@mkdir -p $(@D)
	$(COMPILE) $(SYSTEM) -Icore -Ipreload $(CHECK_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/agent_unit/%.o: tests/agent_unit/%.c $(B)/flags
	@mkdir -p $(@D)
	$(COMPILE) $(SYSTEM) -Icore -Ipreload $(CHECK_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/preload_test/%.o: tests/preload/%.c $(B)/flags
	@mkdir -p $(@D)
	$(COMPILE) $(SYSTEM) -Icore -Ipreload $(CHECK_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/lab/%.o: tests/lab/%.c $(B)/flags
	@mkdir -p $(@D)
	$(COMPILE) -MMD -MP -c -o $@ $<

$(B)/lab/%.o: tests/lab/progs/%.c $(B)/flags
	@mkdir -p $(@D)
	$(COMPILE) $(SYSTEM) -MMD -MP -c -o $@ $<

# One line SUITE(name) for each suite that suites.h declares, so that none is
# forgotten.
$(B)/unit/main.o: $(B)/unit/suites.inc
$(B)/unit/suites.inc: tests/unit/suites.h
	@mkdir -p $(@D)
	sed -n 's/^Suite \*suite_\([a-z0-9_]*\)(void);.*/SUITE(\1)/p' $< >$@

# Changes when the compiler or its flags do, and everything with it.
$(B)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(COMPILE)' | cmp -s - $@ || echo '$(COMPILE)' >$@

-include $(CORE_O:.o=.d) $(SHARED_O:.o=.d) $(LIBRARY_O:.o=.d) \
	$(AGENT_O:.o=.d) $(CTL_O:.o=.d) $(UNIT_O:.o=.d) $(SIM_O:.o=.d) $(BENCH_O:.o=.d) \
	$(BENCHES:=.d) $(BENCH_UDP:=.d) $(FAKE_AGENT:=.d) $(CHECK_CTL_O:.o=.d) \
	$(AGENT_TEST_O:.o=.d) $(AGENT_UNIT_O:.o=.d) $(PRELOAD_TEST_O:.o=.d) $(EMU_O:.o=.d) $(UDPLOAD_O:.o=.d) \
	$(LAB_PROGS:=.d)

include tests/diff/rules.mk
include tests/kernel/rules.mk
include tests/fuzz/rules.mk

# --- How it is tested -------------------------------------------------------

check:
	scripts/deps
	$(MAKE) check-floors check-docs check-exports check-unit check-preload \
	    check-fuzz check-kernel model sim check-cli check-agent-unit \
	    check-agent check-diff check-lab

check-floors: $(CORE_O) $(SHARED_O) $(LIBRARY_O) $(AGENT_O) $(CTL_O)
	CC='$(CC)' NM='$(NM)' BUILT='$(BUILT)' \
	    SYSTEM='$(SYSTEM) -DMPSHIM_VERSION="$(VERSION)"' \
	    FLAGS='$(CPPFLAGS) $(CFLAGS) $(OURS)' scripts/check-floors $(B)
	scripts/check-names

# Code and manual pages tell of the same things.
check-docs:
	scripts/check-docs
	scripts/handbook --self-test

# The modules' theories of operation and the pages of doc/, as one book.
handbook:
	scripts/handbook $(B)/handbook.md
.PHONY: handbook

# In one process with sanitizers: to fork theirs for each test takes 8 times as
# long.
check-unit: $(CHECK)
	$(if $(SAN),CK_FORK=no) $(CHECK)

check-valgrind: $(CHECK)
	CK_FORK=no $(VALGRIND) -q --error-exitcode=1 --leak-check=full \
	    --errors-for-leak-kinds=definite,possible $(CHECK)

check-preload: $(CHECK_PRELOAD)
	$(CHECK_PRELOAD)

# Scenarios; then the lists of operations that once failed, and new ones, which
# are others each day.
sim: $(SIMULATOR)
	$(SIMULATOR)
	$(SIMULATOR) list tests/sim/found/*.list
	$(SIMULATOR) campaign 300

# N random lists of operations from SEED on; what fails is shrunk, and kept in
# build/found.
N = 10000
SEED =
campaign: $(SIMULATOR)
	mkdir -p $(B)/found
	$(SIMULATOR) campaign $(N) $(if $(SEED),$(SEED),day) $(B)/found

# Mosh over two emulated paths, one of which dies and comes back.
demo:
	scripts/deps
	$(MAKE) $(PRODUCT) $(LAB)
	B=$(B) scripts/demo

# The library exports the hooks and nothing else, every row of libc.h among them,
# and needs no C library newer than Debian 11's.
check-exports: $(SHIM)
	$(NM) -D --defined-only $(SHIM) | sed 's/.* //' | LC_ALL=C sort \
	    >$(B)/exports
	sed -n 's/^	\([a-z_0-9]*\);$$/\1/p' preload/hook/exports.map | LC_ALL=C sort | \
	    cmp - $(B)/exports
	! sed -n 's/^	LIBC([^,]*, \([a-z_0-9]*\),.*/\1/p' preload/process/libc.h | \
	    LC_ALL=C sort | LC_ALL=C comm -23 - $(B)/exports | \
	    sed 's/$$/: in libc.h, but not exported/' | grep .
	{ $(NM) -D $(SHIM) | sed -n 's/.*@GLIBC_//p' | sort -V | tail -1; \
	    echo 2.31; } | sort -V -c

# Ends with `N passed, N failed'.
check-cli: $(PRODUCT) $(FAKE_AGENT) $(CHECK_CTL)
	$(CHECK_CTL)
	B=$(B) CC='$(CC)' tests/cli/run

# The agent's modules one by one, above a kernel that is played: needs no root.
check-agent-unit: $(CHECK_AGENT_UNIT)
	$(CHECK_AGENT_UNIT)

check-agent: $(KEEPER) $(CHECK_AGENT)
	MPSHIM_AGENT=$(B)/mpshim-agent $(CHECK_AGENT)

# Real programs between network namespaces.
check-lab: $(PRODUCT) $(LAB)
	B=$(B) tests/lab/run

# A peer that holds a key, or forges sources, as the attacker: the figures of
# doc/security.md.
attack: $(PRODUCT) $(LAB)
	B=$(B) LAB_TRIES=1 tests/lab/run attack

# Both ends of an association in all states (tests/model/README.md).
model:
	CC='$(CC)' tests/model/run $(B)/model

# The agent's tests with the agent under valgrind, which makes it slow: tests of
# times fail.  What valgrind finds counts.
check-agent-valgrind: $(MEMCHECK_AGENT) $(CHECK_AGENT)
	tests/agent/memcheck/run '$(VALGRIND)' $(MEMCHECK_AGENT) $(CHECK_AGENT)

# Random faults for T seconds: nothing may grow.
T = 1200
soak: $(PRODUCT) $(LAB)
	B=$(B) SOAK=$(T) bash tests/lab/scenarios/soak/faults.lab

bench-shim: $(PRODUCT) $(BENCH_UDP)
	B=$(B) tests/bench/bench_shim

bench-peers: $(PRODUCT) $(BENCH_UDP)
	B=$(B) tests/bench/bench_peers

bench-agent: $(PRODUCT) $(BENCH_AGENT)
	MPSHIM_AGENT=$(B)/mpshim-agent $(BENCH_AGENT) restart 10000
	MPSHIM_AGENT=$(B)/mpshim-agent $(BENCH_AGENT) idle 100000

bench-core: $(BENCHES)
	$(B)/bench/bench_core
	$(B)/bench/bench_bundle
	$(B)/bench/bench_handshake
	$(B)/bench/bench_many

# At least 90 % of the engine's lines must be run by the unit tests.
coverage:
	rm -f build/cov/*/*.gcda
	$(MAKE) COV=1 check-unit
	GCOV='$(GCOV)' scripts/coverage 90 build/cov/core $(CORE)

tidy: $(B)/unit/suites.inc
	$(CLANG_TIDY) --quiet $(CORE:%=core/%.c) $(UNIT:%=tests/unit/%.c) \
	    $(SIM:%=tests/sim/%.c) $(BENCH:%=tests/bench/%.c) \
	    $(BENCH_COMMON:%=tests/bench/%.c) -- \
	    -std=gnu11 -Icore -I$(B)/unit $(CHECK_CFLAGS)
# One by one: what it knows of va_list is wrong in all but the first file.
	for file in preload/*/*.c; do \
		$(CLANG_TIDY) --quiet $$file -- -std=gnu11 $(SYSTEM) \
		    -DMPSHIM_VERSION='""' -Icore -Ipreload || exit; \
	done
	$(SHELLCHECK) $(SCRIPTS)

# Where it goes.  The loader does not look in lib/mpshim by itself.
BIN_DIR = $(DESTDIR)$(PREFIX)/bin
LIB_DIR = $(DESTDIR)$(PREFIX)/lib/mpshim
MAN_DIR = $(DESTDIR)$(PREFIX)/share/man
DOC_DIR = $(DESTDIR)$(PREFIX)/share/doc/mpshim
COMPLETION_DIR = $(DESTDIR)$(PREFIX)/share/bash-completion/completions

# The version is in their footers.
$(B)/man/%: man/% VERSION
	@mkdir -p $(@D)
	sed 's/@VERSION@/$(VERSION)/' $< >$@

install: $(PRODUCT) $(PAGES)
	install -d $(BIN_DIR) $(LIB_DIR) $(DOC_DIR) $(COMPLETION_DIR)
	install -m 755 $(MPRUN) scripts/mpplot $(MPCTL) $(BIN_DIR)
	install -m 755 $(KEEPER) $(LIB_DIR)
	install -m 644 $(SHIM) $(LIB_DIR)
	for page in $(PAGES); do \
	    install -D -m 644 $$page \
	        $(MAN_DIR)/man$${page##*.}/$${page##*/} || exit; \
	done
	install -m 644 $(DOCS) $(DOC_DIR)
	install -m 644 scripts/completion.bash $(COMPLETION_DIR)/mprun
	ln -sf mprun $(COMPLETION_DIR)/mpctl

# Folders of others stay, and ours where somebody put something in.
uninstall:
	rm -f $(BIN_DIR)/mprun $(BIN_DIR)/mpctl $(BIN_DIR)/mpplot
	rm -f $(LIB_DIR)/libmpshim.so $(LIB_DIR)/mpshim-agent
	rm -f $(foreach page,$(notdir $(MAN)),$(MAN_DIR)/man*/$(page))
	rm -f $(foreach doc,$(notdir $(DOCS)),$(DOC_DIR)/$(doc))
	rm -f $(COMPLETION_DIR)/mprun $(COMPLETION_DIR)/mpctl
	rmdir --ignore-fail-on-non-empty $(LIB_DIR) $(DOC_DIR)

# A Debian package, and whether it does what it shall in a new Debian.
deb:
	scripts/make-deb

check-deb: deb $(LAB)
	B=$(B) tests/deb/run

clean:
	rm -rf build

FORCE:

.DELETE_ON_ERROR:
.PHONY: all check check-floors check-docs check-exports check-unit check-preload \
	check-valgrind sim campaign \
	check-cli check-agent-unit check-agent check-lab attack soak model \
	check-agent-valgrind demo \
	bench-agent bench-core \
	bench-shim bench-peers coverage \
	tidy product install uninstall deb check-deb clean FORCE
