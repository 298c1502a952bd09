# make bench: ratios to the raw libraries in the same run. Included by the main Makefile.
# BENCH= passes options on, for example: make bench BENCH="--only mailbox"
BENCH ?=
bench_dir := $(B)/bench
BENCH_PROGS := $(addprefix $(bench_dir)/,raw_mailbox raw_commit raw_publish own_commit prepare load)

.PHONY: bench bench-programs
bench: packages-demo ## speed and memory against the raw libraries of the same run; BENCH="--only NAME"
	@$(MAKE) --no-print-directory -s -j2 all mo bench-programs
	@LOTLINE_BUILD=$(abspath $(B)) $(PY) tests/bench/bench.py $(BENCH)

bench-programs: $(BENCH_PROGS) $(bench_dir)/slowsync.so

define bench_rule
$(bench_dir)/$(1): $(B)/tests/bench/$(1).o $(foreach f,$(2),$(call archive,$(f)))
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(LDFLAGS) -o $$@ $$< -Wl,--start-group $(foreach f,$(2),$(call archive,$(f))) -Wl,--end-group $(3)
DEPS_BENCH += $(B)/tests/bench/$(1).d
endef
bench_store := traceability $(call layer,traceability)
bench_store_libs := $(foreach f,$(bench_store),$(libs_$(f)))
$(eval $(call bench_rule,raw_mailbox,plc-maps base,-lmodbus $(libs_base)))
$(eval $(call bench_rule,raw_commit,,-lsqlite3))
$(eval $(call bench_rule,raw_publish,,-lpaho-mqtt3as))
$(eval $(call bench_rule,own_commit,$(bench_store),$(bench_store_libs)))
$(eval $(call bench_rule,prepare,$(bench_store),$(bench_store_libs)))
$(eval $(call bench_rule,load,,))

$(bench_dir)/slowsync.so: tests/bench/slowsync.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(filter-out -fPIE -fsanitize=%,$(CFLAGS)) -fPIC -shared -o $@ $<

-include $(DEPS_BENCH)
