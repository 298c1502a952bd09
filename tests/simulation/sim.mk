# Programs that link the folders' code against a disk and a shed in memory. Included by the main Makefile.
#   $(eval $(call sim_rule,NAME,SOURCES,FOLDER,LIBS)): program NAME of tests/simulation/SOURCES.c against
#   FOLDER's archive and all that it may link.
sim_dir := $(B)/sim-tests
DISK := disk disk_vfs

define sim_rule
$(sim_dir)/$(1): $(patsubst %,$(B)/tests/simulation/%.o,$(2)) $(call archives,$(3))
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(LDFLAGS) -o $$@ $(patsubst %,$(B)/tests/simulation/%.o,$(2)) -Wl,--start-group $(call archives,$(3)) -Wl,--end-group $(call extlibs,$(3)) $(4)
DEPS += $(patsubst %,$(B)/tests/simulation/%.d,$(2))
endef
$(eval $(call sim_rule,disk_test,disk_test $(DISK),base,-lcmocka))

TESTS += $(sim_dir)/disk_test
tests test-unit: $(sim_dir)/disk_test

# ---- the simulated shed: the programs' own parts; clock, wires, socket and broker are the simulation's
SHED_SIM := shed_sim host plant watch judge hands buyer $(DISK)
shed_folders := controller mqtt sim plc-maps crops traceability base
$(sim_dir)/shed_sim: $(patsubst %,$(B)/tests/simulation/%.o,$(SHED_SIM)) $(foreach f,$(shed_folders),$(call archive,$(f)))
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(patsubst %,$(B)/tests/simulation/%.o,$(SHED_SIM)) -Wl,--start-group \
	  $(foreach f,$(shed_folders),$(call archive,$(f))) -Wl,--end-group -Wl,--wrap=mono_now -Wl,--wrap=wall_now \
	  -Wl,--wrap=cursor_write $(libs_base)
DEPS += $(patsubst %,$(B)/tests/simulation/%.d,$(SHED_SIM))

SEEDS ?= 100
MINUTES ?= 10
.PHONY: check-sim small-sim replay
check-sim: packages-demo ## a shed under every trouble at once, in virtual time; SEEDS=100 MINUTES=10 FIRST=1
	@$(MAKE) --no-print-directory -s -j2 $(sim_dir)/shed_sim
	@$(sim_dir)/shed_sim --seeds $(SEEDS) --minutes $(MINUTES) --first $(or $(FIRST),1)

replay: packages-demo ## one seed again, step by step: SEED=k
	@$(MAKE) --no-print-directory -s -j2 $(sim_dir)/shed_sim
	@$(sim_dir)/shed_sim --seeds 1 --first $(SEED) --minutes $(MINUTES) --twice 1 --verbose

# Part of make check: a few seeds, every fourth a second time with the same history.
SMALL_CHECKS += small-sim
small-sim: $(sim_dir)/shed_sim
	@$(sim_dir)/shed_sim --seeds 24 --minutes 3 --twice 4
tests: $(sim_dir)/shed_sim
