# The Structured Text of plc-maps/st/, translated to C and run. Included by the main Makefile after sim.mk.
#   suite-*        the simulated sorter's own tests (sim/*_test.c) against the text
#   block_test     the block called scan by scan; power fails at every statement
#   scenario_test  hostile hosts and bad seasons at random, judged by invariants
#   shed_sim       the whole simulated shed (tests/simulation) with this sorter in it
#   check-st       the scenarios of a line with the real lotlined (by hand: a minute)
#   test_st.py     the numbers of the contract, the translator, planted bugs (pytest)
st_dir := $(B)/st-tests
ST := plc-maps/st/FB_Mailbox.st
ST_TUNE := RING_N,SLOT_M,BLOCK_LAST,HOST_LAST,WRAP_AT
st_obj = $(patsubst %,$(B)/tests/st/%.o,$(1))
ST_SORTER := $(call st_obj,sorter account belt hand)
ST_SUITES := $(patsubst %,suite-%,plc_test plc_belt_test plc_edge_test plc_random_test)
ST_TESTS := $(patsubst %,$(st_dir)/%,$(ST_SUITES) block_test scenario_test)
scenario_test_more := $(call st_obj,host judge)

$(B)/gen/tests/st/FB_Mailbox.h: $(ST) tests/st/st2c.py
	@mkdir -p $(@D)
	@echo "  ST $<"
	$(Q)$(PY) tests/st/st2c.py $< --tune $(ST_TUNE) > $@.new && mv $@.new $@
$(ST_SORTER) $(call st_obj,block_test): $(B)/gen/tests/st/FB_Mailbox.h

$(B)/tests/st/suite-%.o: tests/st/suite.c sim/%.c
	@mkdir -p $(@D)
	@echo "  CC $< $*"
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -DST_SUITE='"sim/$*.c"' -MMD -MP -c -o $@ $<

# The sorter's objects stand before the archives: sim/plc*.o of libsim.a are then not taken.
define st_rule
$(st_dir)/$(1): $(call st_obj,$(1)) $($(1)_more) $(ST_SORTER) $(call archives,sim)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(LDFLAGS) -o $$@ $$(filter %.o,$$^) -Wl,--start-group $(call archives,sim) -Wl,--end-group $(call extlibs,sim) -lcmocka
DEPS += $(patsubst %.o,%.d,$(call st_obj,$(1)) $($(1)_more))
endef
$(foreach t,$(ST_SUITES) block_test scenario_test,$(eval $(call st_rule,$(t))))
DEPS += $(ST_SORTER:.o=.d)

$(st_dir)/shed_sim: $(patsubst %,$(B)/tests/simulation/%.o,$(SHED_SIM)) $(ST_SORTER) $(foreach f,$(shed_folders),$(call archive,$(f)))
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(foreach f,$(shed_folders),$(call archive,$(f))) -Wl,--end-group \
	  -Wl,--wrap=mono_now -Wl,--wrap=wall_now -Wl,--wrap=cursor_write $(libs_base)

# lotline-sim with this sorter in it, and the real lotlined over Modbus TCP beside it.
$(st_dir)/bin/lotline-sim: $(B)/sim/lotline-sim.o $(ST_SORTER) $(call archives,sim) $(B)/lotlined $(B)/lotline
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(call archives,sim) -Wl,--end-group $(call extlibs,sim)
	$(Q)ln -sf $(abspath $(B)/lotlined) $(abspath $(B)/lotline) $(@D)

TESTS += $(ST_TESTS)
tests test-unit: $(ST_TESTS)
tests: $(st_dir)/shed_sim
SMALL_CHECKS += small-st
.PHONY: test-st small-st check-st
test-st: $(ST_TESTS) ## the Structured Text for PLCs, through the simulated sorter's tests and its own
	@set -e; for t in $(ST_TESTS); do echo "== $$t"; $$t; done

small-st: $(st_dir)/shed_sim
	@$(st_dir)/shed_sim --seeds 10 --minutes 3 --twice 5

check-st: packages-check $(st_dir)/bin/lotline-sim ## the line's scenarios, the real lotlined against the Structured Text
	@LOTLINE_BUILD=$(abspath $(st_dir)/bin) $(PY) -m pytest -q -n 2 --dist loadgroup -p no:cacheprovider tests/scenario/test_line.py
