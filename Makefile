# make demo   the real nodes on real street video, pictures in demo_output/
# make check  lint, types and the quick tests
# make test   all tests
# make fuzz   damaged input for every reader of files and messages, for MINUTES each
# make docs   the pages of docs/ as a site with the API reference, in build/docs
# make links  whether the links of the site to elsewhere are alive; needs a network
# make robot  the tests of nodes, messages and the doctor in a robot's own environment (Debian)
# make aarch64  every shipped model on an emulated aarch64, compared with this machine (Debian)
# make matrix   runtime and node tests with every Python found here and every ROS of wheels
# make env    the environment of all, in .venv; with ROS=jazzy or ROS=kilted (which the others take
#             too) another distribution's wheels, in .venv-DISTRIBUTION where it is not the default
PYTHON ?= python3
DEFAULT_ROS := jazzy
DISTRIBUTIONS := $(patsubst requirements-ros-%.txt,%,$(wildcard requirements-ros-*.txt))
# On a ROS machine its own rclpy is used; elsewhere ROS 2 comes from wheels, each distribution's
# into an environment of its own.
HAS_ROS := $(shell $(PYTHON) -c 'import rclpy' 2>/dev/null && echo yes)
ifeq ($(HAS_ROS),yes)
ifdef ROS
$(error ROS=$(ROS) takes ROS 2 from wheels, but $(PYTHON) has an rclpy already (ROS_DISTRO: \
  $(or $(ROS_DISTRO),not set)), and two ROS in one process crash. Leave ROS= out, or use a shell \
  that has not sourced it)
endif
VENV := .venv
VENV_FLAGS := --system-site-packages
else
ROS ?= $(DEFAULT_ROS)
ifeq ($(filter $(ROS),$(DISTRIBUTIONS)),)
$(error ROS=$(ROS) has no wheels; choose one of: $(DISTRIBUTIONS))
endif
VENV := .venv$(if $(filter-out $(DEFAULT_ROS),$(ROS)),-$(ROS))
ROS_REQUIREMENTS := requirements-ros-$(ROS).txt
export AMENT_PREFIX_PATH := $(CURDIR)/$(VENV)
endif
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q

.PHONY: env only-this-ros demo check test faults fuzz kills coverage robot aarch64 matrix lint docs links clean

env: $(VENV)/.ready

# Two distributions in one environment would crash.
only-this-ros:
	@held=$$(ls $(VENV)/lib/python3*/site-packages 2>/dev/null | \
	    sed -n 's/^ros_\(.*\)_rclpy-.*/\1/p'); \
	  test -z "$$held" || test "$$held" = '$(ROS)' || { echo "$(VENV) holds ROS 2 $$held, not" \
	    "'$(ROS)': remove it with 'make clean', or name another (make ROS=$$held ...)"; exit 1; }

$(VENV)/.ready: setup.py $(ROS_REQUIREMENTS) requirements-dev.txt requirements-dev-nodeps.txt \
  | only-this-ros
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo 'Python 3.10 or later is needed; choose one with: make PYTHON=python3.11 ...'; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV_FLAGS) $(VENV) || \
	  { echo 'Install the venv module first: sudo apt install python3-venv'; rm -rf $(VENV); exit 1; }
	@echo 'Installing into $(VENV) (1 to 3 minutes) ...'
ifneq ($(HAS_ROS),yes)
	$(PIP) install -r $(ROS_REQUIREMENTS)
endif
	$(PIP) install -r requirements-dev.txt
	$(PIP) install --no-deps -r requirements-dev-nodeps.txt
	$(PIP) install --no-deps -e .
	@touch $@

demo: env
	$(BIN)/rtseg demo --output demo_output $(DEMO_ARGS)

# Three processes share the tests where there are two cores, each computing in one thread: one of
# them takes all tests over DDS, which wait more than they compute, and the others give way to it
# (test/support). Only those over DDS are tried again when they fail.
WORKERS ?= $(if $(filter-out 0 1,$(shell nproc 2>/dev/null)),3,0)
PYTEST := $(if $(filter-out 0,$(WORKERS)),OMP_NUM_THREADS=1) $(BIN)/python -m pytest \
  -n $(WORKERS) --dist loadfile

check: lint
	$(PYTEST) -m quick $(TEST_ARGS)

test: env
	$(PYTEST) $(TEST_ARGS)

# Every kind of fault that is tried, and how many are survived and explained.
faults: env
	$(BIN)/python -m pytest -m fault $(TEST_ARGS)

# New inputs each time, for every reader in turn; TEST_ARGS='-k bag' chooses some.
MINUTES ?= 60
fuzz: env
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest test/reliability/test_fuzz_*.py \
	  --fuzz-minutes $(MINUTES) $(TEST_ARGS)

# SIGKILL for each kind of process, so often; what was lost is printed.
KILLS ?= 100
kills: env
	$(BIN)/python -m pytest test/reliability/test_kills.py --kills $(KILLS) $(TEST_ARGS)

# Lines and branches that the tests run, those of the processes that they start too.
coverage: env
	$(BIN)/python -m coverage erase
	OMP_NUM_THREADS=1 $(BIN)/python -m coverage run -m pytest $(TEST_ARGS)
	$(BIN)/python -m coverage combine -q
	$(BIN)/python -m coverage report --sort=cover

# Debian's Python, NumPy, OpenCV and cv_bridge, in .venv-robot.
robot: env
	.ci/robot $(BIN)/python

aarch64: env
	.ci/aarch64 $(BIN)/python

# One line for each; WRITE=1 puts the table into docs/platforms.md.
matrix:
	$(PYTHON) .ci/matrix.py $(if $(WRITE),--write)

lint: env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy rtseg_ros

docs: env
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs build/docs

links: docs
	$(BIN)/python -m sphinx -q -b linkcheck docs build/links

clean:
	rm -rf .venv .venv-robot $(DISTRIBUTIONS:%=.venv-%) build install log *.egg-info demo_output
