# Crashes, power cuts and damage of the record. Included by the main Makefile
# after sim.mk.
crash_store := traceability $(call layer,traceability)
crash_archives := $(foreach f,$(crash_store),$(call archive,$(f)))
crash_libs := -Wl,--start-group $(crash_archives) -Wl,--end-group $(foreach f,$(crash_store),$(libs_$(f))) -lcmocka
FIXED := -Wl,--wrap=mono_now,--wrap=wall_now

# crash_rule NAME,SOURCES,FLAGS
define crash_rule
$(sim_dir)/$(1): $(patsubst %,$(B)/tests/simulation/%.o,$(2)) $(crash_archives)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(LDFLAGS) $(3) -o $$@ $(patsubst %,$(B)/tests/simulation/%.o,$(2)) $(crash_libs)
DEPS += $(patsubst %,$(B)/tests/simulation/%.d,$(2))
tests: $(sim_dir)/$(1)
endef
$(eval $(call crash_rule,crashvfs,crashvfs canon rows fixed $(DISK),$(FIXED)))
$(eval $(call crash_rule,damage,damage canon rows fixed $(DISK),$(FIXED)))
$(eval $(call crash_rule,powercut,powercut loopfs,))

# What make check runs of the long checks: SMALL_CHECKS are targets, each a few seconds.
SMALL_CHECKS += small-crashvfs
.PHONY: check-small check-crashvfs small-crashvfs
check-small:
	@$(MAKE) --no-print-directory -s $(SMALL_CHECKS)

check-crashvfs: packages-check ## die at every write and sync of a day, on a disk that loses and tears; N=100000 SEED=1 [OP=k]
	@$(MAKE) --no-print-directory -s -j2 $(sim_dir)/crashvfs
	@N=$(or $(N),100000) SEED=$(SEED) $(sim_dir)/crashvfs

small-crashvfs: $(sim_dir)/crashvfs
	@N=2000 SEED=$(SEED) $(sim_dir)/crashvfs
	@if N=40 LIES=1 $(sim_dir)/crashvfs >/dev/null 2>&1; then echo "crashvfs: a disk that lies goes unnoticed"; exit 1; fi

# The same on a real file system.
SMALL_CHECKS += small-powercut
.PHONY: check-powercut small-powercut
check-powercut: packages-check ## cut the power of a real ext4 under the writing record (root); N=500 SEED=1
	@$(MAKE) --no-print-directory -s -j2 $(sim_dir)/powercut
	@N=$(or $(N),500) SEED=$(SEED) $(sim_dir)/powercut

small-powercut: $(sim_dir)/powercut
	@N=10 SEED=$(SEED) $(sim_dir)/powercut

SMALL_CHECKS += small-damage
.PHONY: check-damage small-damage
check-damage: packages-check ## damaged pages of a record: never a crash, never verified when altered; N=1000 SEED=1 [OP=n]
	@$(MAKE) --no-print-directory -s -j2 $(sim_dir)/damage
	@N=$(or $(N),1000) SEED=$(SEED) $(sim_dir)/damage

small-damage: $(sim_dir)/damage
	@N=100 SEED=$(SEED) $(sim_dir)/damage
