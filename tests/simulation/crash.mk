# Crashes, power cuts and damage of the record. Included by the main Makefile
# after sim.mk.
CRASH_OBJ := $(patsubst %,$(B)/tests/simulation/%.o,crashvfs canon rows fixed $(DISK))
crash_store := traceability $(call layer,traceability)
FIXED := -Wl,--wrap=mono_now,--wrap=wall_now

$(sim_dir)/crashvfs: $(CRASH_OBJ) $(foreach f,$(crash_store),$(call archive,$(f)))
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) $(FIXED) -o $@ $(CRASH_OBJ) -Wl,--start-group $(foreach f,$(crash_store),$(call archive,$(f))) \
	  -Wl,--end-group $(foreach f,$(crash_store),$(libs_$(f))) -lcmocka
DEPS += $(CRASH_OBJ:.o=.d)

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
tests: $(sim_dir)/crashvfs

# ---- the same on a real file system
POWERCUT_OBJ := $(patsubst %,$(B)/tests/simulation/%.o,powercut loopfs)
$(sim_dir)/powercut: $(POWERCUT_OBJ) $(foreach f,$(crash_store),$(call archive,$(f)))
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(POWERCUT_OBJ) -Wl,--start-group $(foreach f,$(crash_store),$(call archive,$(f))) \
	  -Wl,--end-group $(foreach f,$(crash_store),$(libs_$(f))) -lcmocka
DEPS += $(POWERCUT_OBJ:.o=.d)
SMALL_CHECKS += small-powercut
.PHONY: check-powercut small-powercut
check-powercut: packages-check ## cut the power of a real ext4 under the writing record (root); N=500 SEED=1
	@$(MAKE) --no-print-directory -s -j2 $(sim_dir)/powercut
	@N=$(or $(N),500) SEED=$(SEED) $(sim_dir)/powercut

small-powercut: $(sim_dir)/powercut
	@N=10 SEED=$(SEED) $(sim_dir)/powercut
tests: $(sim_dir)/powercut
