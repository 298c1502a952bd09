# make lint: what can be said of the source without running it. make lint-fast: what takes no compiler.
# make format puts the source into .clang-format's shape. Included by the main Makefile.
LINT := $(PY) tests/lint/lint.py --build $(B)
.PHONY: lint lint-fast format packages-lint
packages-lint:
	@tests/tools/install-packages build lint

lint: packages-lint ## format, clang-tidy, cppcheck, gcc -fanalyzer, layers, foreign headers, limits
	@$(MAKE) --no-print-directory -s $(EMBED) $(B)/gen/web/assets.inc
	@$(LINT) --flags "-std=c11 -DLINT $(CPPFLAGS)" $(if $(ONLY),--only $(ONLY))

lint-fast: ## format, layers, foreign headers, limits: seconds
	@$(LINT) --target lint-fast

format: ## clang-format over the source
	@clang-format -i $$(git ls-files '*.c' '*.h')

# ---- make cover: a build of its own with counters, and in it what make check runs, bit by bit.
# WITH=unit: the folders' unit tests. small: also the fuzz targets' seeds and the short simulations.
# all: also pytest with the real programs (one that is killed takes its counters with it).
# Planted bugs are left out: they build without counters, and what they break is no test of the source.
WITH ?= all
cover_small := $(filter small all,$(WITH))
cover_all := $(filter all,$(WITH))
.PHONY: cover cover-run
cover: packages-check ## branches that the tests take, by folder; WITH=unit|small|all (all)
	@tests/tools/install-packages cover
	@$(MAKE) --no-print-directory -s V=cover $(if $(filter command line,$(origin B)),B=$(B)/cover) cover-run

cover-run:
	@$(MAKE) --no-print-directory -s -j2 all mo tests
	@find $(B) -name '*.gcda' -delete
	@$(MAKE) --no-print-directory -s test-unit > $(B)/unit.log 2>&1 || { tail -40 $(B)/unit.log; exit 1; }
	@$(if $(cover_small),$(MAKE) --no-print-directory -s fuzz-seeds check-small \
	  SMALL_CHECKS="$(filter-out mutants-small,$(SMALL_CHECKS))" > $(B)/small.log 2>&1 || { tail -40 $(B)/small.log; exit 1; })
	@$(if $(cover_all),$(MAKE) --no-print-directory -s test-py > $(B)/pytest.log 2>&1 || tail -12 $(B)/pytest.log)
	@$(PY) tests/lint/cover.py --build $(B) --with $(WITH)

# ---- the same tests under sanitizers: what they find counts, time does not.
.PHONY: check-asan check-tsan check-valgrind
check-asan check-tsan: check-%: packages-check ## tests, simulation, scenarios with ASan and UBSan (or TSan); SEEDS=60
	@$(MAKE) --no-print-directory -s V=$* B=$(B)/$* -j2 all mo tests
	@$(PY) tests/lint/sanitize.py --variant $* --build $(B)/$* --seeds $(if $(filter file,$(origin SEEDS)),60,$(SEEDS))

check-valgrind: packages-check ## every unit test under valgrind
	@tests/tools/install-packages valgrind
	@$(MAKE) --no-print-directory -s -j2 tests
	@$(PY) tests/lint/sanitize.py --variant valgrind --build $(B)
