# pm2adapterd: one file, not recursive. `make help` lists the targets.

VERSION := 0.1.0
VARIANT ?= release
B := build/$(VARIANT)
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
DESTDIR ?=
SHELL := /bin/bash

# Debian packages for the build, and further ones for the tests.
PACKAGES := gcc libc6-dev pkg-config libevent-dev libmsgpack-dev libbsd-dev \
	libjansson-dev
PACKAGES_TEST := g++ check clang-format cppcheck shellcheck systemd chromium mandoc libasan8 libubsan1 \
	redis-server nginx-light redis-tools python3-redis python3-msgpack valgrind tmux zsh bash-completion socat prometheus python3-prometheus-client \
	build-essential debhelper dpkg-dev lintian

# msgpack-c is called msgpack on Debian 12 and msgpack-c elsewhere.
PKG_CONFIG ?= pkg-config
MSGPACK := $(shell $(PKG_CONFIG) --exists msgpack-c 2>/dev/null && echo msgpack-c || echo msgpack)
LIBS_PC := libevent_core $(MSGPACK) libbsd jansson
LIBBSD_VERSION := $(shell $(PKG_CONFIG) --modversion libbsd 2>/dev/null)
LIBS_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(LIBS_PC) 2>/dev/null)
LIBS_LDLIBS := $(shell $(PKG_CONFIG) --libs $(LIBS_PC) 2>/dev/null)
CHECK_LDLIBS := $(shell $(PKG_CONFIG) --libs check 2>/dev/null)
need_libs = $(if $(LIBS_LDLIBS),,$(error libevent, msgpack-c, libbsd or \
	jansson is missing: `make deps` installs them))

CC ?= gcc
WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion \
	-Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
	-Wpointer-arith -Wcast-qual -Wwrite-strings -Wundef -Wvla \
	-Wformat=2 -Wimplicit-fallthrough -Wnull-dereference
ifdef WERROR
WARNINGS += -Werror
endif
CPPFLAGS_ALL = -Isrc -Iinclude -D_GNU_SOURCE -DVERSION='"$(VERSION)"' \
	-DLIBBSD_VERSION='"$(LIBBSD_VERSION)"' \
	$(LIBS_CFLAGS) $(CPPFLAGS)
CFLAGS_ALL = -std=gnu11 -g $(WARNINGS) $(CFLAGS_VARIANT) $(CFLAGS)
LDFLAGS_ALL = $(LDFLAGS_VARIANT) $(LDFLAGS)
LDLIBS_ALL = $(LIBS_LDLIBS) -lm

ifeq ($(VARIANT),asan)
CFLAGS_VARIANT := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined \
	-fno-sanitize-recover=all
LDFLAGS_VARIANT := -fsanitize=address,undefined
else ifeq ($(VARIANT),fuzz)
CC := clang
CFLAGS_VARIANT := -O1 -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize-recover=all
LDFLAGS_VARIANT := -fsanitize=fuzzer,address,undefined
else ifeq ($(VARIANT),coverage)
CFLAGS_VARIANT := -O0 --coverage
LDFLAGS_VARIANT := --coverage
else
CFLAGS_VARIANT := -O2 -D_FORTIFY_SOURCE=2 -fstack-protector-strong \
	-fstack-clash-protection -fPIE
LDFLAGS_VARIANT := -pie -Wl,-z,relro,-z,now
endif

, := ,
# $(call run,WHAT,COMMAND): the command is shown with V=1 alone.
run = @$(if $(V),echo '$(2)',printf '  %-3s %s\n' $(1) $@); $(2)

# The layers, and for each the layers below it: its files may include their
# headers, which `make layers` checks, and its tests link their archives.
LAYERS := base wire core net config stats edge edge/native edge/redis edge/handles ops client cli daemon
BELOW_base :=
BELOW_wire := base
BELOW_core := base
BELOW_net := base
BELOW_config := base
BELOW_stats := core net wire base
BELOW_edge := stats core net wire base
BELOW_edge/native := edge stats core net wire base
BELOW_edge/redis := edge stats core net wire base
BELOW_edge/handles := stats core net wire base
BELOW_ops := stats core net wire base
BELOW_client := wire base
BELOW_cli := client config wire base
BELOW_daemon := ops edge/handles edge/redis edge/native edge cli client stats core net config wire base
SOURCES := $(foreach l,$(LAYERS),$(sort $(wildcard src/$(l)/*.c)))
HEADERS := $(foreach l,$(LAYERS),$(sort $(wildcard src/$(l)/*.h)))
C_FILES := $(SOURCES) $(HEADERS) $(sort $(wildcard include/*.h)) \
	$(sort $(wildcard tests/*/*.[ch] tests/*/*/*.[ch] tests/*/*/*/*.[ch])) \
	$(sort $(wildcard docs/examples/*.c))

# The client library: its sources, and the objects that are a library of their
# own. The daemon links the library instead of these objects.
SONAME := 0
LIB_SOURCES := $(filter-out src/client/libevent.c,$(filter src/client/%,$(SOURCES))) \
	$(addprefix src/,wire/sent.c wire/reply.c wire/topic_field.c wire/frame.c \
	wire/msg_scan.c wire/msg_tree.c wire/msg_writer.c \
	base/clock.c base/place.c base/question.c)
LIB_OBJECTS := $(LIB_SOURCES:src/%.c=$(B)/pic/%.o)
LIBEVENT_OBJECTS := $(B)/pic/client/libevent.o
OBJECTS := $(patsubst src/%.c,$(B)/%.o,$(filter-out src/client/% \
	src/wire/sent.c src/wire/reply.c src/wire/topic_field.c,$(SOURCES)))
LIBS := libpm2a libpm2a_libevent
LIBRARIES := $(foreach l,$(LIBS),$(B)/$(l).a \
	$(B)/$(l).so $(B)/$(l).so.$(SONAME))
PC_FILES := pm2adapterd.pc pm2adapterd-libevent.pc
MSGPACK_LDLIBS := $(shell $(PKG_CONFIG) --libs $(MSGPACK) 2>/dev/null)
EVENT_LDLIBS := $(shell $(PKG_CONFIG) --libs libevent_core 2>/dev/null)

EXAMPLES := $(patsubst docs/examples/%.c,$(B)/examples/%,$(sort $(wildcard docs/examples/*.c)))
UNITS := $(patsubst tests/unit/%.c,%,$(sort $(wildcard $(LAYERS:%=tests/unit/%/test_*.c))))
UNIT_BINARIES := $(UNITS:%=$(B)/tests/unit/%)

# Each layer as an archive, for what links a layer and those below it.
archives = $(foreach l,$(1) $(BELOW_$(1)),$(B)/layers/$(l).a)

.PHONY: all deps deps-test demo test check check-unit check-system check-node check-node-versions \
	check-instructions check-fuzz asan \
	bench fuzz soak coverage lint layers circles words format format-check generated \
	check-generated install uninstall dist deb clean help system-programs test-programs

all: $(B)/pm2adapterd $(LIBRARIES) ## build daemon and libraries (VARIANT=release, asan or coverage)

$(B)/pm2adapterd: $(OBJECTS) $(B)/libpm2a.a
	$(call run,LD,$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ $(LDLIBS_ALL))

$(B)/pic/%.o: src/%.c Makefile
	$(need_libs)@mkdir -p $(@D)
	$(call run,CC,$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -fPIC \
		-fvisibility=hidden -MMD -MP -c -o $@ $<)

# One object, in which only the API is global: what else is in it must not meet
# what the program calls the same.
archive = ld -r -o $(@:.a=.o) $^ && objcopy --localize-hidden $(@:.a=.o) && \
	rm -f $@ && ar rcs $@ $(@:.a=.o)

$(B)/libpm2a.a: $(LIB_OBJECTS)
	$(call run,AR,$(archive))

$(B)/libpm2a_libevent.a: $(LIBEVENT_OBJECTS)
	$(call run,AR,$(archive))

$(B)/libpm2a.so.$(VERSION): $(LIB_OBJECTS) src/client/libpm2a.map
	$(call run,LD,$(CC) $(CFLAGS_ALL) $(filter-out -pie,$(LDFLAGS_ALL)) -shared \
		-Wl$(,)-soname$(,)libpm2a.so.$(SONAME) \
		-Wl$(,)--version-script=src/client/libpm2a.map \
		-o $@ $(LIB_OBJECTS) $(MSGPACK_LDLIBS))

$(B)/libpm2a_libevent.so.$(VERSION): $(LIBEVENT_OBJECTS) $(B)/libpm2a.so \
		src/client/libpm2a_libevent.map
	$(call run,LD,$(CC) $(CFLAGS_ALL) $(filter-out -pie,$(LDFLAGS_ALL)) -shared \
		-Wl$(,)-soname$(,)libpm2a_libevent.so.$(SONAME) \
		-Wl$(,)--version-script=src/client/libpm2a_libevent.map \
		-o $@ $(LIBEVENT_OBJECTS) -L$(B) -lpm2a $(EVENT_LDLIBS))

%.so.$(SONAME): %.so.$(VERSION)
	@ln -sf $(<F) $@

%.so: %.so.$(SONAME)
	@ln -sf $(<F) $@

fill_in = sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' \
	-e 's|@VERSION@|$(VERSION)|' -e 's|@MSGPACK@|$(MSGPACK)|'


$(B)/%.o: src/%.c Makefile
	$(need_libs)@mkdir -p $(@D)
	$(call run,CC,$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<)

# The assembler takes these in, of which -MMD doesn't know.
$(B)/ops/page.o: $(wildcard src/ops/page/*)

$(B)/tests/%.o: tests/%.c Makefile
	@mkdir -p $(@D)
	$(call run,CC,$(CC) $(CPPFLAGS_ALL) -Itests $(CFLAGS_ALL) -MMD -MP -c -o $@ $<)

# The fake daemon has the clock, and lets allocations of the library fail: of
# the library alone, which is therefore one object with names of its own.
$(B)/tests/unit/wrapped.o: $(patsubst src/%.c,$(B)/%.o,$(filter-out src/base/clock.c,$(LIB_SOURCES)))
	@mkdir -p $(@D)
	@ld -r $(foreach f,malloc calloc realloc reallocarray,--wrap=$(f)) -o $@ $^

CLIENT_UNITS := $(filter $(B)/tests/unit/client/%,$(UNIT_BINARIES))
$(CLIENT_UNITS): $(addprefix $(B)/tests/unit/,fake.o wrapped.o)

$(B)/examples/%: docs/examples/%.c $(B)/libpm2a.a include/pm2a.h Makefile
	@mkdir -p $(@D)
	$(call run,LD,$(CC) -Iinclude $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $< \
		$(B)/libpm2a.a $(MSGPACK_LDLIBS))

$(B)/tests/system/receiver: tests/system/receiver.c $(B)/libpm2a.a include/pm2a.h Makefile
	@mkdir -p $(@D)
	$(call run,LD,$(CC) -Iinclude $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $< \
		$(B)/libpm2a.a $(MSGPACK_LDLIBS))

define LAYER_RULE
$(B)/layers/$(1).a: $$(patsubst src/%.c,$(B)/%.o,$$(sort $$(wildcard src/$(1)/*.c)))
	@mkdir -p $$(@D)
	@rm -f $$@
	$$(call run,AR,ar rcs $$@ $$^)
endef
$(foreach l,$(LAYERS),$(eval $(call LAYER_RULE,$(l))))

# A test takes from the rig what it names, and that needs layers of its own.
$(B)/tests/unit/rig.a: $(patsubst %.c,$(B)/%.o,$(sort $(wildcard tests/unit/rig/*.c)))
	@rm -f $@
	$(call run,AR,ar rcs $@ $^)

# The proof of the layers is here: a test links its layer and what lies below.
define UNIT_RULE
$(B)/tests/unit/$(1): $(B)/tests/unit/$(1).o $(B)/tests/unit/support.o $(B)/tests/unit/rig.a
	$$(call run,LD,$$(CC) $$(CFLAGS_ALL) $$(LDFLAGS_ALL) -o $$@ $$^ \
		$$(LDLIBS_ALL) $$(CHECK_LDLIBS))
endef
$(foreach u,$(UNITS),$(eval $(call UNIT_RULE,$(u))))
# Layers that the rig of a layer's tests needs too: its daemon has a native edge.
RIG_ops := edge/native edge
RIG_edge/redis := edge/native
$(foreach l,$(LAYERS),$(eval $(filter $(B)/tests/unit/$(l)/test_%,$(UNIT_BINARIES)): \
	$(foreach a,$(l) $(RIG_$(l)) $(BELOW_$(l)),$(B)/layers/$(a).a)))

-include $(SOURCES:src/%.c=$(B)/%.d) $(LIB_OBJECTS:.o=.d) $(LIBEVENT_OBJECTS:.o=.d)
-include $(wildcard $(B)/tests/*/*.d $(B)/tests/*/*/*.d $(B)/tests/*/*/*/*.d)

# The load generator and the relay know nothing of the daemon's code.
BENCH_pump := pump peer protocol load samples fanout topics latency crowd stall
BENCH_relay := relay
define BENCH_RULE
$(B)/bench/$(1): $$(BENCH_$(1):%=$(B)/tests/bench/%.o)
	@mkdir -p $$(@D)
	$$(call run,LD,$$(CC) $$(CFLAGS_ALL) $$(LDFLAGS_ALL) -o $$@ $$^)
endef
BENCHES := pump relay
$(foreach b,$(BENCHES),$(eval $(call BENCH_RULE,$(b))))

$(B)/bench/workload: $(B)/tests/bench/workload.o $(call archives,edge/native)
	@mkdir -p $(@D)
	$(call run,LD,$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ $(LDLIBS_ALL))

$(B)/bench/transcode: $(B)/tests/bench/transcode.o $(call archives,wire)
	@mkdir -p $(@D)
	$(call run,LD,$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ $(LDLIBS_ALL))

deps: ## install what is missing to build and run: packages, Node, npm packages
	@tests/deps $(PACKAGES)

deps-test:
	@tests/deps $(PACKAGES) $(PACKAGES_TEST)

demo: deps ## run the daemon and four Socket.IO workers under a private pm2 (ONCE=1: check and end)
	@$(MAKE) --no-print-directory -s all
	@exec node docs/demo/run.js $(if $(ONCE),--once)

test: deps-test ## run all tests, under sanitizers too
	@tests/run all

check: ## run the tests that need nothing else to be installed; say what is skipped
	@tests/run check

system-programs: all $(EXAMPLES) $(B)/tests/system/receiver

test-programs: system-programs $(UNIT_BINARIES)

check-unit: $(UNIT_BINARIES) ## run the unit tests of VARIANT
	@tests/run unit $(VARIANT)

check-system: system-programs ## run the real daemon of VARIANT against raw bytes
	@tests/run system $(VARIANT)

check-node: system-programs ## run the Node package's tests, with real Socket.IO and pm2
	@tests/run node $(VARIANT)

check-node-versions: system-programs ## run the package's tests with Node 18, 20, 22 and 24 (NODE_VERSIONS)
	@tests/node-versions

check-instructions: $(B)/bench/workload ## count the instructions of a delivery, with callgrind
	@tests/instructions $<

asan: ## build with AddressSanitizer and UBSan; unit and system tests
	@$(MAKE) --no-print-directory VARIANT=asan check-unit check-system

# Which layers each fuzz target drives.
FUZZ_frame := wire base
FUZZ_resp := wire base
FUZZ_http := wire base
FUZZ_msg := wire base
FUZZ_adapter := wire base
FUZZ_broker := core wire base
FUZZ_config := config base
FUZZ_client := client wire base
FUZZ_edge := edge/redis edge/native $(BELOW_edge/redis)
FUZZ_handles := wire base
FUZZERS := frame msg adapter resp http broker client config edge handles

define FUZZ_RULE
$(B)/fuzz/$(1)_%: $(B)/tests/fuzz/fuzz_%.o $(2)
	@mkdir -p $$(@D)
	$$(call run,LD,$$(CC) $$(CFLAGS_ALL) $$(LDFLAGS_ALL) -o $$@ $$^ $$(LDLIBS_ALL))
endef
$(eval $(call FUZZ_RULE,fuzz,))
$(eval $(call FUZZ_RULE,replay,$(B)/tests/fuzz/replay.o))
$(foreach f,$(FUZZERS),$(eval $(B)/fuzz/fuzz_$(f) $(B)/fuzz/replay_$(f): \
	$(FUZZ_$(f):%=$(B)/layers/%.a)))

check-fuzz: $(FUZZERS:%=$(B)/fuzz/replay_%) ## run the seeds of the fuzz targets through them
	@tests/fuzz/seeds
	@set -e; for f in $(FUZZERS); do \
		$(B)/fuzz/replay_$$f build/fuzz/seeds-$$f/*; done

fuzz: ## run each libFuzzer target (SECONDS=30; needs clang and libclang-rt-dev)
	@$(MAKE) --no-print-directory VARIANT=fuzz $(FUZZERS:%=build/fuzz/fuzz/fuzz_%)
	@tests/fuzz/run $(or $(SECONDS),30)

soak: ## attack the sanitized daemon over real sockets (SECONDS=60 SEED=N); 60 s of it are in make test
	@$(MAKE) --no-print-directory VARIANT=asan build/asan/pm2adapterd
	@PM2ADAPTERD=$(CURDIR)/build/asan/pm2adapterd node tests/soak/soak.js \
		--seconds $(or $(SECONDS),60) $(if $(SEED),--seed $(SEED))

bench: deps-test ## measure beside other brokers and adapters (QUICK=1: shorter)
	@$(MAKE) --no-print-directory -s all $(BENCHES:%=$(B)/bench/%) $(B)/bench/transcode
	@$(B)/bench/transcode
	@export QUICK=$(QUICK) PUMP=$(CURDIR)/$(B)/bench/pump RELAY=$(CURDIR)/$(B)/bench/relay \
		PM2ADAPTERD=$(CURDIR)/$(B)/pm2adapterd; \
		node tests/bench/bench.js; code=$$?; \
		node tests/bench/node/compare.js || code=1; \
		node tests/bench/node/rooms.js || code=1; \
		node tests/bench/node/forwarding.js || code=1; \
		node tests/bench/node/handing-over.js || code=1; \
		node tests/bench/node/returning.js || code=1; \
		node tests/bench/node/asking.js && exit $$code

coverage: ## line coverage of src/ by the unit tests, with gcov
	@$(MAKE) --no-print-directory VARIANT=coverage check-unit
	@tests/coverage

lint: layers words circles format-check check-generated ## layers, words, format, cppcheck, ESLint, shellcheck
	cppcheck --quiet --std=c11 --enable=warning,performance,portability \
		--inline-suppr --error-exitcode=1 --suppress=missingIncludeSystem \
		--suppress='*:/usr/include/*' --include=/usr/include/bsd/sys/queue.h \
		--include=/usr/include/bsd/sys/tree.h \
		-Isrc -Iinclude -D_GNU_SOURCE -DVERSION='""' -DLIBBSD_VERSION='""' $(SOURCES)
	shellcheck tests/{deps,node-versions,layers,layers-js,circles,generate,run,coverage,units,instructions,install,manuals,deb,deb-life} tests/fuzz/{run,seeds} .ci/run \
		src/node/bin/pm2adapterd.sh
	@npm --prefix src/node run --silent lint

words: ## check that no clause of comments and documents begins with a headless who or what
	@tests/words

layers: ## check that no file includes upward or sideways
	@tests/layers

circles: ## check that no modules include or require each other in a circle
	@tests/circles

format: ## format all C with clang-format
	clang-format -i $(C_FILES)

format-check: ## check the format of all C
	@clang-format --dry-run --Werror $(C_FILES)

generated: all ## write the files that are made from the tables of options and figures
	@tests/generate $(B)/pm2adapterd .

check-generated: all ## check that the generated files are up to date
	@tests/generate $(B)/pm2adapterd build/generated
	@diff -u conf/pm2adapterd.conf build/generated/conf/pm2adapterd.conf
	@diff -u docs/pm2adapterd.conf.5 build/generated/docs/pm2adapterd.conf.5
	@diff -u docs/STATS.md build/generated/docs/STATS.md
	@diff -u docs/METRICS.md build/generated/docs/METRICS.md

# Installed files, as FROM:TO or FROM:TO:MODE, TO below DESTDIR. Units get the
# path of the daemon.
DOCDIR := $(PREFIX)/share/doc/pm2adapterd
MANDIR := $(PREFIX)/share/man
SYSTEMD ?= $(PREFIX)/lib/systemd/system
BASH_COMPLETION ?= $(PREFIX)/share/bash-completion/completions
ZSH_COMPLETION ?= $(PREFIX)/share/zsh/site-functions
UNITS_SYSTEMD := pm2adapterd.service pm2adapterd.socket pm2adapterd-resp.socket \
	pm2adapterd-metrics.socket
INSTALLED := $(B)/pm2adapterd:$(PREFIX)/bin/pm2adapterd:755 \
	docs/pm2adapterd.8:$(MANDIR)/man8/pm2adapterd.8 \
	docs/pm2adapterd.conf.5:$(MANDIR)/man5/pm2adapterd.conf.5 \
	docs/libpm2a.3:$(MANDIR)/man3/libpm2a.3 \
	include/pm2a.h:$(PREFIX)/include/pm2a.h \
	include/pm2a_libevent.h:$(PREFIX)/include/pm2a_libevent.h \
	$(foreach l,$(LIBS),$(B)/$(l).a:$(LIBDIR)/$(l).a \
		$(B)/$(l).so.$(VERSION):$(LIBDIR)/$(l).so.$(VERSION)) \
	$(foreach p,$(PC_FILES),$(B)/$(p):$(LIBDIR)/pkgconfig/$(p)) \
	$(foreach u,$(UNITS_SYSTEMD),$(B)/systemd/$(u):$(SYSTEMD)/$(u)) \
	systemd/pm2adapterd.sysusers:$(PREFIX)/lib/sysusers.d/pm2adapterd.conf \
	systemd/pm2adapterd.tmpfiles:$(PREFIX)/lib/tmpfiles.d/pm2adapterd.conf \
	$(B)/completion/bash:$(BASH_COMPLETION)/pm2adapterd \
	$(B)/completion/zsh:$(ZSH_COMPLETION)/_pm2adapterd \
	$(foreach d,PROTOCOL STATS METRICS REDIS OPERATING,docs/$(d).md:$(DOCDIR)/$(d).md) \
	$(foreach e,$(notdir $(EXAMPLES)),docs/examples/$(e).c:$(DOCDIR)/examples/$(e).c) \
	conf/ecosystem.config.js:$(DOCDIR)/ecosystem.config.js \
	conf/grafana-dashboard.json:$(DOCDIR)/grafana-dashboard.json \
	systemd/pm2adapterd.service.d/unix-only.conf:$(DOCDIR)/unix-only.conf
INSTALLED_LINKS := $(foreach l,$(LIBS),$(l).so.$(VERSION):$(l).so.$(SONAME) \
	$(l).so.$(SONAME):$(l).so)
field = $(word $(1),$(subst :, ,$(2)))
to_install = $(filter $(B)/%,$(foreach f,$(INSTALLED),$(call field,1,$(f))))

$(B)/completion/%: $(B)/pm2adapterd
	@mkdir -p $(@D)
	@$< --dump-completion $(@F) > $@

$(B)/%.pc: src/client/%.pc.in Makefile
	@$(fill_in) $< > $@

$(B)/systemd/%: systemd/% Makefile
	@mkdir -p $(@D)
	@sed 's|/usr/local/bin|$(PREFIX)/bin|' $< > $@

# Where programs are run from, the loader learns of the library.
run_ldconfig = $(if $(DESTDIR),,[ "$$(id -u)" -ne 0 ] || ldconfig)

install: all ## install below DESTDIR/PREFIX
	@rm -f $(PC_FILES:%=$(B)/%) $(UNITS_SYSTEMD:%=$(B)/systemd/%)
	@$(MAKE) --no-print-directory -s $(to_install)
	@set -e; for f in $(INSTALLED); do \
		IFS=: read -r from to mode <<< "$$f"; \
		install -D -m "$${mode:-644}" "$$from" "$(DESTDIR)$$to"; \
	done
	@set -e; for f in $(INSTALLED_LINKS); do \
		ln -sf "$${f%:*}" "$(DESTDIR)$(LIBDIR)/$${f#*:}"; \
	done
	@[ -e $(DESTDIR)/etc/pm2adapterd/pm2adapterd.conf ] || \
		install -D -m 644 conf/pm2adapterd.conf $(DESTDIR)/etc/pm2adapterd/pm2adapterd.conf
	@$(run_ldconfig)

uninstall: ## remove what install installs, but for the configuration
	@rm -f $(foreach f,$(INSTALLED),$(DESTDIR)$(call field,2,$(f))) \
		$(foreach f,$(INSTALLED_LINKS),$(DESTDIR)$(LIBDIR)/$(call field,2,$(f)))
	@rmdir --ignore-fail-on-non-empty $(wildcard $(DESTDIR)$(DOCDIR)/examples)
	@rmdir --ignore-fail-on-non-empty $(wildcard $(DESTDIR)$(DOCDIR))
	@$(run_ldconfig)

DIST := pm2adapterd-$(VERSION)
# The packed sources: the last commit, or without git the files of the tarball
# that this tree came from.
sources_git = git archive HEAD
sources_here = tar --exclude=./build --exclude=./src/node/node_modules \
	--exclude=./src/node/daemon --exclude='*.tgz' -cf - .

# The same for the same sources, whoever makes it and where: sorted, nobody's, and
# of one time, which is the commit's.
dist: ## make build/pm2adapterd-VERSION.tar.gz of what is committed
	@rm -rf build/dist
	@mkdir -p build/dist/$(DIST)
	@set -o pipefail; $(if $(wildcard .git),$(sources_git),$(sources_here)) | \
		tar -xpf - -C build/dist/$(DIST)
	@set -o pipefail; tar --format=gnu --sort=name --owner=root:0 --group=root:0 \
		--mode=u=rwX,go=rX --mtime=./build/dist/$(DIST)/Makefile \
		-C build/dist -cf - $(DIST) | gzip -9n > build/$(DIST).tar.gz
	@echo build/$(DIST).tar.gz

deb: dist ## make Debian packages in build/deb
	@rm -rf build/deb
	@mkdir -p build/deb
	@tar -xzf build/$(DIST).tar.gz -C build/deb
	@cp -r conf/debian build/deb/$(DIST)/debian
	@cd build/deb/$(DIST) && dpkg-buildpackage -us -uc -b > ../build.log 2>&1 || \
		{ tail -n 40 ../build.log; exit 1; }
	@ls build/deb/*.deb

clean: ## remove what was built
	rm -rf build

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 20
