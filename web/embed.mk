# Pages, styles and scripts stand in web/pages and web/js and are compiled in as one table of texts;
# the catalogue of translations is compiled beside the programs. Included by the Makefile.
WEB_ASSETS := $(sort $(wildcard web/pages/*.html web/pages/*.css web/pages/*.svg web/js/*.js))

$(B)/gen/web/assets.inc: $(WEB_ASSETS)
	@mkdir -p $(@D)
	@for f in $(WEB_ASSETS); do echo "{\"$${f##*/}\","; \
	  sed -e 's/\\/\\\\/g; s/"/\\"/g; s/??/?\\?/g; s/^/"/; s/$$/\\n"/' $$f; echo '},'; done > $@
$(B)/web/asset.o: $(B)/gen/web/assets.inc

$(B)/mo/zh_CN.mo: po/zh_CN.po
	@mkdir -p $(@D)
	@echo "  MO $<"
	@msgfmt --check-format --check-domain --output-file=$@ $<
