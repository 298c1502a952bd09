# lotline: one Makefile, not recursive. `make help` lists the targets.
# Variants stand side by side: make V=asan builds into build/asan, plain make into build/.
SHELL := /bin/bash
V ?=
B ?= build$(if $(V),/$(V))
CC ?= gcc
PY := /usr/bin/python3

FOLDERS := base plc-maps crops traceability labels sim controller mqtt web cli
MAINS   := controller/lotlined.c mqtt/lotline-mqtt.c web/lotline-web.c cli/lotline.c sim/lotline-sim.c
PROGS   := $(foreach m,$(MAINS),$(if $(wildcard $(m)),$(B)/$(basename $(notdir $(m)))))

PKGS    := libmodbus libsystemd jansson yaml-0.1 libsodium sqlite3 libmicrohttpd libqrencode zlib
CPPFLAGS += -D_GNU_SOURCE -I. -I$(B)/gen $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
WARN := -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wstrict-prototypes \
  -Wmissing-prototypes -Wold-style-definition -Wvla -Wformat=2 -Wcast-qual -Wwrite-strings -Wundef \
  -Wpointer-arith -Wnull-dereference -Wduplicated-cond -Wduplicated-branches -Wlogical-op \
  -Wdouble-promotion -Wfloat-equal -Wno-overlength-strings -Werror
HARD := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection \
  -fcf-protection -ftrivial-auto-var-init=zero -fno-strict-aliasing -fno-delete-null-pointer-checks
OPT := -O2 -g
ifeq ($(V),asan)
HARD :=
OPT := -O1 -g -fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined
WARN := $(filter-out -Wnull-dereference,$(WARN))
endif
ifeq ($(V),tsan)
HARD :=
OPT := -O1 -g -fsanitize=thread
# What gcc puts in between hides from it what the plain build sees: its manual warns of false warnings.
WARN := $(filter-out -Wnull-dereference,$(WARN)) -Wno-maybe-uninitialized
endif
ifeq ($(V),cover)
HARD :=
OPT := -O0 -g --coverage -fprofile-update=atomic
endif
CFLAGS  += -std=c11 -fPIE -pthread $(OPT) $(WARN) $(HARD)
LDFLAGS += -pie -pthread -Wl,-z,relro,-z,now -Wl,--as-needed $(filter -fsanitize=% --coverage,$(OPT))

# What each folder's archive needs from outside, and whom it may link: facts of layers.txt.
layer = $(strip $(shell sed -n 's/^$(1): *//p' layers.txt))
libs_base := -lsqlite3 -lyaml -ljansson -lsodium -lsystemd
libs_controller := -lmodbus
libs_mqtt := -lpaho-mqtt3as
libs_web := -lmicrohttpd -lz
libs_labels := -lqrencode
archive = $(B)/lib$(1).a
archives = $(foreach f,$(1) $(call layer,$(1)),$(call archive,$(f)))
extlibs = $(foreach f,$(1) $(call layer,$(1)),$(libs_$(f)))

.DEFAULT_GOAL := all
.PHONY: all help clean test-unit
Q := $(if $(VERBOSE),,@)

all: $(PROGS) ## build the programs into build/

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

clean: ## remove what make built
	rm -rf build

define folder_rules
$(1)_src := $$(filter-out %_test.c $(MAINS),$$(wildcard $(1)/*.c))
$(1)_obj := $$($(1)_src:%.c=$(B)/%.o)
$(1)_tests := $$(patsubst %.c,$(B)/%,$$(wildcard $(1)/*_test.c))
$(call archive,$(1)): $$($(1)_obj)
	$(Q)rm -f $$@ && ar rcs $$@ $$^
$$($(1)_tests): $(B)/%: $(B)/%.o $$(call archives,$(1))
	$(Q)$(CC) $(LDFLAGS) -o $$@ $$< -Wl,--start-group $$(call archives,$(1)) -Wl,--end-group $$(call extlibs,$(1)) -lcmocka
TESTS += $$($(1)_tests)
DEPS += $$($(1)_obj:.o=.d) $$($(1)_tests:=.d)
endef
$(foreach f,$(FOLDERS),$(eval $(call folder_rules,$(f))))

define prog_rule
$(B)/$(basename $(notdir $(1))): $(B)/$(1:.c=.o) $(call archives,$(patsubst %/,%,$(dir $(1))))
	@echo "  LINK $$@"
	$(Q)$(CC) $(LDFLAGS) -o $$@ $$< -Wl,--start-group $(call archives,$(patsubst %/,%,$(dir $(1)))) -Wl,--end-group $(call extlibs,$(patsubst %/,%,$(dir $(1))))
DEPS += $(B)/$(1:.c=.d)
endef
$(foreach m,$(MAINS),$(eval $(call prog_rule,$(m))))

# SQL and small texts stand in files of their own and are compiled in as string literals.
EMBED := $(patsubst %,$(B)/gen/%.inc,$(wildcard */*.sql))
.SECONDARY: $(EMBED)
-include web/embed.mk
$(B)/gen/%.inc: %
	@mkdir -p $(@D)
	$(Q)sed -e 's/\\/\\\\/g; s/"/\\"/g; s/^/"/; s/$$/\\n"/' $< > $@

$(B)/%.o: %.c | $(EMBED)
	@mkdir -p $(@D)
	@echo "  CC $<"
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

test-unit: $(TESTS) ## unit tests of every folder (cmocka)
	@set -e; for t in $(TESTS); do echo "== $$t"; $$t; done

test-%: ## unit tests of one folder: make test-base
	$(Q)$(MAKE) --no-print-directory $($*_tests)
	@set -e; for t in $($*_tests); do echo "== $$t"; $$t; done

# ---- the README's two commands, which install what they need

T ?=
RUN ?= run
RATE ?= 10
SEED ?= 1
BROKER ?= on
FAULT ?=
PORT ?= 0
.PHONY: packages-demo packages-check demo check test-py mo tour install
packages-demo:
	@tests/tools/install-packages build demo
packages-check:
	@tests/tools/install-packages build demo check

mo: $(B)/mo/zh_CN.mo

demo: packages-demo ## a shed at work; T=20 seconds, RUN=dir, RATE=, SEED=, BROKER=off, FAULT=drop:1
	@$(MAKE) --no-print-directory -s -j2 all mo
	@LOTLINE_BUILD=$(B) $(PY) tests/demo.py --run "$(RUN)" $(if $(T),--seconds $(T)) --rate $(RATE) --seed $(SEED) \
	  --port $(PORT) --broker $(BROKER) $(if $(FAULT),--fault $(FAULT))

check: packages-check ## build, lint-fast, unit tests of every folder, then pytest: all that must hold
	@$(MAKE) --no-print-directory -s lint-fast
	@$(MAKE) --no-print-directory -s -j2 all mo tests
	@$(MAKE) --no-print-directory -s test-unit
	@$(MAKE) --no-print-directory -s -j2 fuzz-seeds
	@$(MAKE) --no-print-directory -s check-small
	@$(MAKE) --no-print-directory -s test-py

tests: $(TESTS) ## build the unit tests

test-py: ## scenarios, devices in Python, browser (pytest)
	@LOTLINE_BUILD=$(abspath $(B)) $(PY) -m pytest -q -n 2 --dist loadgroup -p no:cacheprovider tests

tour: ## the files on the way of an item, in order
	@grep -m1 -HoE 'way: [0-9]+/12 .*' $$(git ls-files '*.c' '*.h' '*.def') /dev/null | \
	  sed -E 's/^([^:]*):way: ([0-9]+)\/12 (.*)$$/\2 \1 \3/; s/ \*\/$$//' | sort -n | \
	  awk '{ n = $$1; f = $$2; $$1 = $$2 = ""; printf "%2d  %-34s%s\n", n, f, $$0 }'

include tests/lint/lint.mk
include tests/bench/bench.mk
include tests/fuzz/fuzz.mk
include tests/links/links.mk
include tests/simulation/sim.mk
include tests/st/st.mk
include tests/simulation/crash.mk
include tests/real/real.mk
include tests/mutants/mutants.mk
-include $(DEPS)
