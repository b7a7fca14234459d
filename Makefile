# make demo   set everything up, then send photographs through a fading channel
# make test   set everything up, then run the tests
# Both install only what is missing; a second run starts at once.

VENV := .venv
PYTHON := $(VENV)/bin/python
# Named after what they depend on, so that a change of it sets up again.
READY := $(VENV)/.ready-$(shell cat pyproject.toml tools/setup.sh | sha256sum | cut -c1-12)
TESTABLE := $(READY)-tests-$(shell sha256sum tools/setup_tests.sh | cut -c1-12)

export OPENBLAS_NUM_THREADS := 1

.PHONY: demo test setup clean

demo: setup
	$(PYTHON) -m percast.tools.cli demo

test: $(TESTABLE)
	$(PYTHON) -m pytest --numprocesses 2 --dist loadfile

setup: $(READY)

$(READY):
	tools/setup.sh $(VENV)
	rm -f $(VENV)/.ready-*
	touch $@

$(TESTABLE): $(READY)
	tools/setup_tests.sh $(VENV)
	touch $@

clean:
	rm -rf $(VENV) build demo *.egg-info
