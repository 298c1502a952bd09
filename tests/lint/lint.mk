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
