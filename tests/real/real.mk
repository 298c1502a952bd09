# Faults of the real world against the real programs: death at any call, disks, clocks, hangs, memory.
# Shims for LD_PRELOAD are fault_NAME.c. Included by the main Makefile.
real_dir := $(B)/tests/real
SHIMS := $(patsubst tests/real/%.c,$(real_dir)/%.so,$(wildcard tests/real/fault_*.c))
$(real_dir)/%.so: tests/real/%.c
	@mkdir -p $(@D)
	@echo "  CC $<"
	$(Q)$(CC) -D_GNU_SOURCE -std=c11 -fPIC -shared -O2 -g $(filter-out -Wcast-qual,$(WARN)) -U_FORTIFY_SOURCE -o $@ $< -ldl

.PHONY: real-shims check-kill
real-shims: $(SHIMS)
tests: $(SHIMS)

REAL = LOTLINE_BUILD=$(abspath $(B)) $(PY) tests/real
check-kill: packages-check ## kill -9 of lotlined in every window, at any microsecond, at every call of its start; N=60 SEED=1
	@$(MAKE) --no-print-directory -s -j2 all mo real-shims
	@$(REAL)/deaths.py --n $(or $(N),60) --seed $(or $(SEED),1)

.PHONY: check-disk
check-disk: packages-check ## full, read-only and failing disks under a working shed (root for two of them); N=40 SEED=1
	@$(MAKE) --no-print-directory -s -j2 all mo real-shims
	@$(REAL)/disks.py --n $(or $(N),40) --seed $(or $(SEED),1)

.PHONY: check-clocks
check-clocks: packages-check ## the wall clock jumps by seconds, days, to 1970, 2038, 2106 under a working shed; N=60 SEED=1
	@$(MAKE) --no-print-directory -s -j2 all mo real-shims
	@$(REAL)/clocks.py --n $(or $(N),60) --seed $(or $(SEED),1)

.PHONY: check-stops
check-stops: packages-check ## programs, single threads, PLC, scale and broker stand still for up to a minute; N=40 SEED=1
	@$(MAKE) --no-print-directory -s -j2 all mo real-shims
	@$(REAL)/stops.py --n $(or $(N),40) --seed $(or $(SEED),1)

.PHONY: check-malloc
check-malloc: packages-check ## memory fails once at every place that asks for it, in every program; N=3000 allocations of a start, ROUNDS=100 SEED=1
	@$(MAKE) --no-print-directory -s -j2 all mo real-shims
	@$(REAL)/memory.py --n $(or $(N),3000) --rounds $(or $(ROUNDS),100) --seed $(or $(SEED),1)

.PHONY: check-upgrade
check-upgrade: packages-check ## the version before, this one, that one, this one again, with deaths at every call; N=100 SEED=
	@$(MAKE) --no-print-directory -s -j2 all mo real-shims
	@$(REAL)/upgrade.py --n $(or $(N),100) --seed $(if $(filter command environment,$(firstword $(origin SEED))),$(SEED),0)
