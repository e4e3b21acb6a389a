# SPDX-License-Identifier: MIT OR Apache-2.0
# A thin front for meson: each target is a line or two that you could type yourself.
BUILD ?= build
MESON_ARGS ?=
FUZZ_SECONDS ?= 60
# A test waits as much as it works, and a loaded machine may take its time: a limit is there for what hangs.
TEST = meson test --no-rebuild --print-errorlogs --num-processes $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1) --timeout-multiplier

# What `make check` runs; the longer suites have targets of their own.
SUITES = --suite unit --suite api --suite escape --suite tools --suite gate

.PHONY: all demo check check-more check-asan check-asan-more check-valgrind check-vm check-vm-all stress bench fuzz lint format install deps clean

all: $(BUILD)/build.ninja
	meson compile -C $(BUILD)

$(BUILD)/build.ninja:
	meson setup $(MESON_ARGS) $(BUILD)

$(BUILD)-asan/build.ninja:
	@meson setup $(MESON_ARGS) -Db_sanitize=address,undefined -Db_lundef=false -Db_pie=true $(BUILD)-asan

$(BUILD)-fuzz/build.ninja:
	@CC=clang meson setup -Dfuzzers=true -Db_sanitize=address,undefined -Db_lundef=false $(BUILD)-fuzz

# Ask nobody, run nothing, when everything is there already.
deps:
	@.ci/packages build

demo: deps
	@$(MAKE) --no-print-directory all
	@tests/demo.sh $(BUILD)

check: deps all
	@tests/report.py $(BUILD) -- $(TEST) 3 -C $(BUILD) --suite lint $(SUITES)

# The system service with several users, virtual environments that are made and used, limits that are waited for, the API
# on real sandboxes, and the native tier at all levels: minutes.
check-more: deps all
	@tests/report.py $(BUILD) -- $(TEST) 3 -C $(BUILD) --suite system --suite python --suite api-linux

# Address and undefined-behaviour sanitizers over the same suites.
check-asan: deps $(BUILD)-asan/build.ninja
	@meson compile -C $(BUILD)-asan
	@tests/report.py $(BUILD)-asan -- $(TEST) 4 -C $(BUILD)-asan $(SUITES)

# … and over the longer ones.
check-asan-more: deps $(BUILD)-asan/build.ninja
	@meson compile -C $(BUILD)-asan
	@tests/report.py $(BUILD)-asan -- $(TEST) 4 -C $(BUILD)-asan --suite system --suite python

# CK_FORK=no: valgrind then sees the test itself, not a child that dies with its findings. Suite `kernel`
# is left out: what it tests valgrind does not know (mount(2)'s new calls, seccomp(2), some clone(2) flags).
check-valgrind: deps all
	@CK_FORK=no tests/report.py $(BUILD) -- $(TEST) 10 -C $(BUILD) --wrapper $(CURDIR)/tests/valgrind.sh --suite unit --no-suite kernel

# A thousand sandboxes at once, idle wake-ups, soak: minutes.
stress: deps all
	@tests/report.py $(BUILD) -- $(TEST) 3 -C $(BUILD) --suite stress

# Under QEMU, with kernels and trees that apt fetches into ~/.cache. check-vm: the newest kernel alone, packages
# installed, upgraded and purged, the service as several users meet it; some minutes. check-vm-all: kernels from 5.10
# on, tools, escapes, hogs, 200 kills and the escape suite; half an hour. Skipped where there is no QEMU.
check-vm: deps all
	@LEASH_VM_LINTIAN=yes tests/vm/system.sh $(BUILD) newest; r=$$?; [ $$r = 77 ] || exit $$r

check-vm-all: deps all
	@tests/vm/all.sh $(BUILD)

bench: deps all
	@tests/bench/bench.py --build $(BUILD) --json $(BUILD)/bench.json
	@tests/bench/gate.py --build $(BUILD) --json $(BUILD)/bench-gate.json

fuzz: deps $(BUILD)-fuzz/build.ninja
	@meson compile -C $(BUILD)-fuzz fuzzers
	@tests/fuzz/run.sh $(BUILD)-fuzz $(FUZZ_SECONDS)

lint: deps all
	@tests/lint/run.sh $(BUILD)

format:
	git ls-files '*.c' '*.h' | xargs clang-format -i

install: all
	meson install -C $(BUILD) --no-rebuild

clean:
	rm -rf $(BUILD) $(BUILD)-asan $(BUILD)-clang $(BUILD)-fuzz
