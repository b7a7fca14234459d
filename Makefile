# make demo   set everything up, then send photographs through a fading channel
# make test   set everything up, then run the tests
# Both install only what is missing; a second run starts at once.

VENV := .venv
PYTHON := $(VENV)/bin/python
STAMP := $(VENV)/.percast-$(shell cat pyproject.toml tools/setup.sh | sha256sum | cut -c1-12)

export OPENBLAS_NUM_THREADS := 1

.PHONY: demo test setup clean

demo: setup
	$(PYTHON) -m percast.tools.cli demo

test: setup
	$(PYTHON) -m pytest

setup: $(STAMP)

$(STAMP):
	tools/setup.sh $(VENV)
	rm -f $(VENV)/.percast-*
	touch $@

clean:
	rm -rf $(VENV) build demo *.egg-info
