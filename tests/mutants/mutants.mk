# Planted bugs, each of which the checks must find. Included by the main Makefile after sim.mk and
# crash.mk. ONLY=name,… for some of them.
SMALL_CHECKS += mutants-small
.PHONY: mutants mutants-small
mutants: packages-check ## plant one bug at a time; a check must find each: ONLY=NAME,… SEEDS=200
	@$(MAKE) --no-print-directory -s -j2 tests $(sim_dir)/shed_sim
	@LOTLINE_BUILD=$(abspath $(B)) $(PY) tests/mutants/run.py $(if $(ONLY),--only $(ONLY)) \
	  --seeds $(if $(filter file,$(origin SEEDS)),200,$(SEEDS))

mutants-small: tests $(sim_dir)/shed_sim
	@LOTLINE_BUILD=$(abspath $(B)) $(PY) tests/mutants/run.py --small
