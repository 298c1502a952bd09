# make fuzz: libFuzzer against every parser, T seconds each, J at a time. make fuzz-seeds: the kept
# seeds and former crashes once through the same targets, built as the programs are. A target is one
# row here, one file fuzz_NAME.c and its seeds in seeds/NAME/. Included by the main Makefile.
#   row: name, folder whose archives it links, files of the project that are seeds too, more options
J ?= 2
comma := ,
empty :=
space := $(empty) $(empty)
fuzz_dir := $(B)/tests/fuzz
FUZZ_TARGETS :=

ifeq ($(V),fuzz)
CC := clang-14
HARD :=
WARN := -Wall -Wextra
OPT := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
CFLAGS += -fsanitize=fuzzer-no-link
fuzz_main := -fsanitize=fuzzer
else
fuzz_main := $(B)/tests/fuzz/replay.o
endif

fuzz_archives = $(sort $(foreach f,$(1),$(call archives,$(f))))
define fuzz_rule
FUZZ_TARGETS += $(1)
fuzz_seeds_$(1) := $$(wildcard tests/fuzz/seeds/$(1)) $(3)
$(fuzz_dir)/$(1): $(fuzz_dir)/fuzz_$(1).o $(fuzz_dir)/fuzz.o $$(filter %.o,$$(fuzz_main)) $(call fuzz_archives,$(2))
	@echo "  LINK $$@"
	$$(Q)$$(CC) $$(LDFLAGS) -o $$@ $$(filter %.o,$$^) $$(filter -%,$$(fuzz_main)) -Wl,--start-group \
	  $(call fuzz_archives,$(2)) -Wl,--end-group $(sort $(foreach f,$(2),$(call extlibs,$(f)))) $(4)
DEPS_FUZZ += $(fuzz_dir)/fuzz_$(1).d
endef
fuzz_maps := $(wildcard plc-maps/*.yaml tests/maps/*.yaml)
fuzz_crops := $(wildcard crops/*.yaml)
$(eval $(call fuzz_rule,yaml,base,$(fuzz_maps) $(fuzz_crops)))
$(eval $(call fuzz_rule,json,base))
$(eval $(call fuzz_rule,text,base))
$(eval $(call fuzz_rule,map,plc-maps,$(fuzz_maps)))
$(eval $(call fuzz_rule,decode,plc-maps))
$(eval $(call fuzz_rule,mailbox,plc-maps))
$(eval $(call fuzz_rule,crop,crops,$(fuzz_crops)))
$(eval $(call fuzz_rule,frame,controller))
$(eval $(call fuzz_rule,plc,controller))
$(eval $(call fuzz_rule,scale,controller))
$(eval $(call fuzz_rule,lines,controller))
$(eval $(call fuzz_rule,request,controller,,-lcmocka))
$(eval $(call fuzz_rule,config,controller mqtt web))
$(eval $(call fuzz_rule,note,traceability))
$(eval $(call fuzz_rule,epcis,traceability,,-lcmocka))
$(eval $(call fuzz_rule,ident,web))
$(eval $(call fuzz_rule,label,labels))
$(eval $(call fuzz_rule,http,web))
$(eval $(call fuzz_rule,proof,web))
$(eval $(call fuzz_rule,web,web,,-lcmocka -Wl$(comma)--wrap=request_header))
$(eval $(call fuzz_rule,mqtt,mqtt,,-lcmocka))
$(eval $(call fuzz_rule,cli,cli,,-lcmocka))
FUZZ_PROGS := $(addprefix $(fuzz_dir)/,$(FUZZ_TARGETS))

.PHONY: fuzz fuzz-programs fuzz-seeds
fuzz: ## every parser under libFuzzer; T=seconds each, J=2 at a time, ONLY="plc web"
	@tests/tools/install-packages build fuzz
	@$(MAKE) --no-print-directory -s -j2 V=fuzz B=$(B)/fuzz fuzz-programs mo
	@LOTLINE_BUILD=$(B)/fuzz $(PY) tests/fuzz/run.py --seconds $(or $(T),20) --jobs $(J) $(if $(ONLY),--only "$(ONLY)") \
	  $(foreach t,$(FUZZ_TARGETS),$(t)=$(subst $(space),:,$(strip $(fuzz_seeds_$(t)))))

fuzz-programs: $(FUZZ_PROGS)

fuzz-seeds: $(FUZZ_PROGS) ## kept seeds and former crashes once through every fuzz target
	@set -e; $(foreach t,$(FUZZ_TARGETS),$(fuzz_dir)/$(t) $(fuzz_seeds_$(t));)

-include $(DEPS_FUZZ) $(fuzz_dir)/fuzz.d $(fuzz_dir)/replay.d
