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
