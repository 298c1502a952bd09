# make check-links: the link against a slave behind a proxy that breaks what can break. Included by the
# main Makefile. N= requests over TCP (a twentieth of it over serial lines), SEED= repeats.
links_dir := $(B)/links
LINKS := links proxy slave drive share mailbox
links_folders := controller sim plc-maps crops traceability base
$(links_dir)/links: $(patsubst %,$(B)/tests/links/%.o,$(LINKS)) $(foreach f,$(links_folders),$(call archive,$(f)))
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(patsubst %,$(B)/tests/links/%.o,$(LINKS)) -Wl,--start-group \
	  $(foreach f,$(links_folders),$(call archive,$(f))) -Wl,--end-group $(call extlibs,controller)
DEPS += $(patsubst %,$(B)/tests/links/%.d,$(LINKS))
tests: $(links_dir)/links

SMALL_CHECKS += small-links
.PHONY: check-links small-links
check-links: packages-check ## late, spoiled, doubled and missing answers: none taken for another; N=1000000 SEED=1
	@$(MAKE) --no-print-directory -s -j2 $(links_dir)/links
	@N=$(or $(N),1000000) SEED=$(SEED) $(links_dir)/links

small-links: $(links_dir)/links
	@N=20000 SEED=$(SEED) $(links_dir)/links
	@if N=4000 PLAIN=1 $(links_dir)/links >/dev/null 2>&1; then echo "links: libmodbus alone passes"; exit 1; fi
