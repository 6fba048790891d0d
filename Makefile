# Each target sets up what it needs, and is quick when all of it is there.
#
#   make build     the program, in target/release
#   make run       a demo: San Marino, drawn imagery, the built-in model
#   make test      every test
#   make test-cuda   the tests that want an NVIDIA GPU
#   make test-serving-clients  a server asked by TF Serving's and Triton's own clients
#   make test-keras  the tests of python/ that need TensorFlow (it is large)
#   make test-loop   from mapped towers to a map with a model made on the way, some minutes
#   make install   PREFIX=/usr/local (DESTDIR is honoured)
#   make image     an image of the program, with docker, podman or buildah; NAME=hv_grid
#                  MODELS=models/ puts models inside, GPU=1 takes the ONNX Runtime that knows CUDA
#   make ort       ONNX Runtime beside the program; make ort-gpu the one that knows CUDA;
#                  make ort-openvino, besides, the one that knows OpenVINO (x86-64)
#   make bench     side by side with what one would pick instead; writes docs/BENCHMARKS.md.
#                  ROW=cover measures one row anew, TURNS=3 in so many turns, MORE=1 beside those
#                  that are kept; QUICK=1 only shows that every row runs
#                  make bench-gpu does the row that wants an NVIDIA GPU
#   make measure-guided   a guided scan held against a full one over drawn imagery, with the demo
#                  model: found, visited, wall clock, throughput; GUIDED='--http' over nginx too

PREFIX ?= /usr/local
CARGO ?= cargo
PYTHON ?= python3
TARGET := $(or $(CARGO_TARGET_DIR),target)
DEMO_OUT := runs/san-marino

.DEFAULT_GOAL := build
.PHONY: build run test test-rust test-python test-keras test-cuda test-loop test-clients test-peers test-serving-clients image bench bench-gpu measure-guided install ort ort-gpu ort-openvino library packages lint

packages:
	@scripts/packages.sh

# Whichever of the two was asked for last; for the processor at first.
library: packages
	@scripts/onnxruntime.sh same "$(TARGET)/debug" "$(TARGET)/release"

ort: packages
	@scripts/onnxruntime.sh cpu "$(TARGET)/debug" "$(TARGET)/release"

ort-gpu: packages
	@scripts/onnxruntime.sh gpu "$(TARGET)/debug" "$(TARGET)/release"

# Of another version than the usual one, and only for --device openvino.
ort-openvino: packages
	@scripts/onnxruntime.sh openvino "$(TARGET)/debug/openvino" "$(TARGET)/release/openvino"

# Where there is one for this machine.
OPENVINO := $(if $(filter x86_64,$(shell uname -m)),ort-openvino)

build: library
	$(CARGO) build --release --locked

run: build
	"$(TARGET)/release/hvmap" run --country san-marino --zoom 18 --demo --out $(DEMO_OUT)
	@echo
	@echo 'Open it: drag $(DEMO_OUT)/towers.geojson into QGIS or JOSM,'
	@echo 'or $(DEMO_OUT)/towers.mbtiles into QGIS. Both are SYNTHETIC: drawn imagery, no real towers.'

test: test-rust $(if $(wildcard python/pyproject.toml),test-python)

# Tests that lack a program or a right end early and leave a line in $(SKIPPED); with
# HVMAP_REQUIRE_ALL=1 they fail.
SKIPPED := $(TARGET)/tmp/skipped

test-rust: library $(OPENVINO)
	@rm -rf "$(SKIPPED)"
	@if $(CARGO) nextest --version >/dev/null 2>&1; then set -x; $(CARGO) nextest run --locked; \
	else set -x; $(CARGO) test --locked --lib --bins --tests; fi
	$(CARGO) test --locked --doc
	@cat "$(SKIPPED)"/* 2>/dev/null || true

# Wants an NVIDIA GPU, and fails where there is none.
test-cuda: ort-gpu
	$(CARGO) test --locked --test it -- --ignored cuda::

# The tests that need TensorFlow skip themselves where it is not installed; `make test-keras` runs
# them. HVMAP_REQUIRE_ALL is for that one.
test-python: packages .venv/ready
	HVMAP_REQUIRE_ALL=0 .venv/bin/python -m pytest -q python

.venv/ready: python/pyproject.toml
	@echo 'setting up .venv for the tests of python/' >&2
	@$(PYTHON) -m venv .venv
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --editable 'python[openvino,test]'
	@touch $@

test-keras: packages .venv-keras/ready
	TF_CPP_MIN_LOG_LEVEL=2 .venv-keras/bin/python -m pytest -q python

test-loop: library .venv-keras/ready
	$(CARGO) build --locked
	TF_CPP_MIN_LOG_LEVEL=2 HVMAP="$(abspath $(TARGET))/debug/hvmap" \
		.venv-keras/bin/python -m pytest -q -s -m slow python

test-clients: build
	scripts/test_clients.sh

# Not part of `make test`: it installs TensorFlow.
test-serving-clients: build .venv-clients/ready
	scripts/test_serving_clients.sh

.venv-clients/ready: scripts/serving-clients.txt
	@echo 'setting up .venv-clients, with TensorFlow' >&2
	@$(PYTHON) -m venv .venv-clients
	@.venv-clients/bin/python -m pip install --quiet --disable-pip-version-check -r scripts/serving-clients.txt
	@touch $@

.venv-keras/ready: python/pyproject.toml
	@echo 'setting up .venv-keras, with TensorFlow' >&2
	@$(PYTHON) -m venv .venv-keras
	@.venv-keras/bin/python -m pip install --quiet --disable-pip-version-check --editable 'python[keras,openvino,test]'
	@touch $@

# Measures for the better part of an hour; rows can be done one by one.
bench: build $(OPENVINO) .venv-bench/ready
	@scripts/packages.sh nginx-light libturbojpeg0 $(if $(shell command -v npm),,nodejs npm)
	$(CARGO) build --release --locked --example decode_speed --example serving_speed
	HVMAP="$(abspath $(TARGET))/release/hvmap" \
		HVMAP_BENCH_QUICK="$(QUICK)" \
		.venv-bench/bin/python benches/compare $(ROW) $(if $(TURNS),--turns $(TURNS)) $(if $(MORE),--more)

# Before a library of some hundred megabytes is fetched in vain, and the program loses its own.
bench-gpu:
	@$(PYTHON) benches/compare gpu --check
	$(MAKE) ort-gpu
	$(MAKE) bench ROW=gpu

# Draws its imagery at first, 3.3 GB in target/guided, which takes about five minutes.
measure-guided: build
	@$(if $(findstring --http,$(GUIDED)),scripts/packages.sh nginx-light)
	$(CARGO) build --release --locked --example scan_map
	HVMAP="$(abspath $(TARGET))/release/hvmap" $(PYTHON) benches/guided $(GUIDED)

.venv-bench/ready: benches/compare/requirements.txt python/pyproject.toml
	@echo 'setting up .venv-bench, with TensorFlow, OpenVINO and KServe' >&2
	@$(PYTHON) -m venv .venv-bench
	@.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check -r benches/compare/requirements.txt
	@touch $@

lint:
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings

# Asks servers that are not ours: KServe's in Python and NVIDIA's Triton.
test-peers: build
	scripts/test_peers.sh

image:
	GPU=$(GPU) scripts/image.sh "$(NAME)" "$(MODELS)"

install: build
	install -d "$(DESTDIR)$(PREFIX)/bin" "$(DESTDIR)$(PREFIX)/lib/hvmap"
	install -m 755 "$(TARGET)/release/hvmap" "$(DESTDIR)$(PREFIX)/bin/hvmap"
	install -m 644 "$(TARGET)"/release/libonnxruntime* "$(DESTDIR)$(PREFIX)/lib/hvmap/"
	if [ -d "$(TARGET)/release/openvino" ]; then \
		install -d "$(DESTDIR)$(PREFIX)/lib/hvmap/openvino"; \
		install -m 644 "$(TARGET)"/release/openvino/lib* "$(DESTDIR)$(PREFIX)/lib/hvmap/openvino/"; \
	fi
